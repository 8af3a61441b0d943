/**
 * POST /tokenize, POST /detokenize
 * @module
 */
import type { z } from 'zod'
import type { ModelTokenizer } from '../../chat/model-tokenizer.ts'
import { inSlices, type Slices } from '../../slices.ts'
import { type Call, endpoint } from '../endpoint.ts'
import { renderChat } from '../generate/conversation.ts'
import { checkModel } from '../model-name.ts'
import { badField } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { tokenizerOf } from '../served-model.ts'
import { promptText, tokenList } from '../wire/answers.ts'
import { beyond } from '../wire/beyond-schema.ts'
import { detokenizeBody, tokenizeBody } from '../wire/tokens.ts'

export const tokenizeRoute = endpoint({
  method: 'POST',
  path: '/tokenize',
  summary: 'Token ids of a text or a conversation',
  dialect: 'openai',
  finds: ['model'],
  body: tokenizeBody,
  refuses: [beyond.callId, beyond.toolNames, beyond.template],
  answer: tokenList,
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    if ((body.prompt === undefined) === (body.messages === undefined))
      throw badField('prompt', 'Expected either prompt or messages.')
    const tokenizer = tokenizerOf(serving.model)
    const ids = await idsOf(call)
    const tokens = Array.from(ids)
    return jsonResponse(call, {
      count: tokens.length,
      max_model_len: serving.model.maxContext,
      tokens,
      token_strs: body.return_token_strs ? await inSlices(texts(tokenizer, tokens)) : null,
    })
  },
})

/** A long prompt has a million of them: others have their turns in between. */
function* texts(tokenizer: ModelTokenizer, tokens: readonly number[]): Slices<string[]> {
  const strings: string[] = []
  for (const id of tokens) {
    strings.push(tokenizer.decode([id], { skipSpecialTokens: false }))
    if (strings.length % 256 === 0) yield
  }
  return strings
}

async function idsOf(call: Call<z.infer<typeof tokenizeBody>>): Promise<Uint32Array> {
  const { body, serving } = call
  if (body.messages === undefined) {
    const options = { addSpecialTokens: body.add_special_tokens ?? true }
    return tokenizerOf(serving.model).encodeInSlices(body.prompt!, options)
  }
  const { ids } = await renderChat(call, {
    messages: body.messages,
    tools: body.tools,
    templateOptions: body.chat_template_kwargs,
    addGenerationPrompt: body.add_generation_prompt ?? true,
  })
  return ids
}

export const detokenizeRoute = endpoint({
  method: 'POST',
  path: '/detokenize',
  summary: 'Text of token ids',
  dialect: 'openai',
  finds: ['model'],
  body: detokenizeBody,
  answer: promptText,
  handle(call) {
    checkModel(call, call.body.model)
    const tokenizer = tokenizerOf(call.serving.model)
    const prompt = tokenizer.decode(call.body.tokens, { skipSpecialTokens: false })
    return jsonResponse(call, { prompt })
  },
})
