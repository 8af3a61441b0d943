/**
 * The bodies of /tokenize, /detokenize and /v1/embeddings.
 * @module
 */
import { z } from 'zod'
import { prompts } from './completions.ts'
import { flag, label, modelName, text, tokenId } from './fields.ts'
import { messages } from './messages.ts'
import { tools } from './tools.ts'

export const tokenizeBody = z
  .looseObject({
    model: modelName,
    prompt: text.optional().describe('This or messages'),
    messages: messages.optional(),
    tools: tools.nullish(),
    chat_template_kwargs: z.record(z.string().max(64), z.unknown()).nullish(),
    add_special_tokens: flag,
    add_generation_prompt: flag,
    return_token_strs: flag,
  })
  .meta({ oneOf: [{ required: ['prompt'] }, { required: ['messages'] }] })

export const detokenizeBody = z.looseObject({
  model: modelName,
  tokens: z.array(tokenId).max(1_048_576),
})

export const embeddingBody = z.looseObject({
  model: modelName,
  input: prompts,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(1_048_576).nullish(),
  pooling: z.enum(['mean', 'last']).nullish().describe('Default: mean of all tokens'),
  user: label.nullish(),
})
