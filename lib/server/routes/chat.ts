/**
 * POST /v1/chat/completions
 * @module
 */
import { type Call, endpoint } from '../endpoint.ts'
import { prepareChat } from '../generate/conversation.ts'
import { chatLogprobs } from '../generate/logprobs.ts'
import { moderationObject, moderationOptions } from '../generate/moderation.ts'
import { collect, type ReplyDelta, type ReplyEvent, type WholeReply } from '../generate/reply.ts'
import { startReplies } from '../generate/run.ts'
import { engineOptions } from '../generate/sampling.ts'
import { usageObject } from '../generate/usage.ts'
import { checkModel } from '../model-name.ts'
import { badField } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { tokenizerOf } from '../served-model.ts'
import { type SseEvent, sseResponse } from '../sse.ts'
import { chatCompletion } from '../wire/answers.ts'
import { beyond, refusesConversation } from '../wire/beyond-schema.ts'
import { type ChatBody, chatBody } from '../wire/chat.ts'

export const chatRoute = endpoint({
  method: 'POST',
  path: '/v1/chat/completions',
  summary: 'Answers a conversation, as OpenAI does',
  dialect: 'openai',
  works: true,
  body: chatBody,
  prompt: 'messages',
  refuses: [...refusesConversation, beyond.minTokens, beyond.tokenIds, beyond.guard],
  answer: chatCompletion,
  produces: ['text/event-stream'],
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    if (typeof body.top_logprobs === 'number' && body.logprobs !== true)
      throw badField('top_logprobs', 'Expected logprobs: true beside top_logprobs.')
    const chat = await prepareChat(call, {
      messages: body.messages,
      tools: body.tools,
      toolChoice: body.tool_choice,
      reasoningEffort: body.reasoning_effort,
      templateOptions: body.chat_template_kwargs,
      structured: body,
    })
    const n = body.n ?? 1
    const generation = serving.model.engine.generate(chat.ids, {
      ...engineOptions(call, body),
      ...(chat.form ? { structured: chat.form.structured } : {}),
      ...(body.logprobs ? { logprobs: body.top_logprobs ?? 0 } : {}),
      ...moderationOptions(serving.guard, body),
    })
    const events = await startReplies(
      call,
      generation,
      Array.from({ length: n }, chat.reader),
      chat.form,
    )
    const head = {
      id: `chatcmpl-${call.id}`,
      created: Math.floor(Date.now() / 1000),
      model: serving.options.modelName,
    }
    if (body.stream) return sseResponse(call, chunks(call, head, n, events), 'openai')
    const { replies, usage, result } = await collect(events, n)
    const choices = replies.map((reply, index) => choiceOf(call, reply, index))
    return jsonResponse(call, {
      ...head,
      object: 'chat.completion',
      choices,
      usage: usageObject(usage),
      ...(body.moderation ? { moderation: moderationObject([result]) } : {}),
      service_tier: null,
      system_fingerprint: null,
    })
  },
})

interface Head {
  id: string
  created: number
  model: string
}

function choiceOf(call: Call<ChatBody>, reply: WholeReply, index: number) {
  const { content, reasoning, toolCalls, logprobs, finish } = reply
  const calls = toolCalls.map(({ id, name, arguments: text }) => ({
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
  const tokenizer = tokenizerOf(call.serving.model)
  return {
    index,
    message: {
      role: 'assistant',
      content: content === '' && calls.length > 0 ? null : content,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
    logprobs: call.body.logprobs ? chatLogprobs(tokenizer, logprobs) : null,
    finish_reason: finish,
  }
}

async function* chunks(
  call: Call<ChatBody>,
  head: Head,
  n: number,
  events: AsyncGenerator<ReplyEvent, void, undefined>,
): AsyncGenerator<SseEvent, void, undefined> {
  const { stream_options: options } = call.body
  const usage = options?.include_usage ? { usage: null } : {}
  const chunk = (choices: object[]): SseEvent => ({
    data: { ...head, object: 'chat.completion.chunk', choices, ...usage },
  })
  const choice = (index: number, delta: object, finish: string | null, logprobs: object | null) =>
    chunk([{ index, delta, logprobs, finish_reason: finish }])
  for (let index = 0; index < n; index++)
    yield choice(index, { role: 'assistant', content: '' }, null, null)
  const tokenizer = tokenizerOf(call.serving.model)
  const pending = Array.from({ length: n }, (): object | null => null)
  for await (const event of events) {
    if (event.kind === 'end') {
      const about = { ...head, object: 'chat.completion.chunk', choices: [] }
      if (call.body.moderation)
        yield { data: { ...about, ...usage, moderation: moderationObject([event.result]) } }
      if (options?.include_usage) yield { data: { ...about, usage: usageObject(event.usage) } }
      continue
    }
    const { index } = event
    if (event.kind === 'logprobs') {
      if (pending[index] !== null) yield choice(index, {}, null, pending[index]!)
      pending[index] = chatLogprobs(tokenizer, event.logprobs)
      continue
    }
    const logprobs = pending[index]!
    pending[index] = null
    yield event.kind === 'finish'
      ? choice(index, {}, event.reason, logprobs)
      : choice(index, deltaOf(event.delta), null, logprobs)
  }
  yield { data: '[DONE]' }
}

function deltaOf(delta: ReplyDelta): object {
  if (delta.kind === 'tool_call') {
    const { call: index, id, name } = delta
    return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }
  }
  if (delta.kind === 'tool_arguments')
    return { tool_calls: [{ index: delta.call, function: { arguments: delta.text } }] }
  return delta.kind === 'content' ? { content: delta.text } : { reasoning_content: delta.text }
}
