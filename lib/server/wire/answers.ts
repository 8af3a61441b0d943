/**
 * What routes answer, for the OpenAPI document and the tests.
 * @module
 */
import { z } from 'zod'

const usage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int().optional(),
  total_tokens: z.int(),
})

const finish = z.enum(['stop', 'length', 'tool_calls', 'content_filter'])

export const chatCompletion = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      message: z.looseObject({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(z.looseObject({})).optional(),
      }),
      logprobs: z.looseObject({}).nullable(),
      finish_reason: finish,
    }),
  ),
  usage,
})

export const textCompletion = z.looseObject({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      text: z.string(),
      logprobs: z.looseObject({}).nullable(),
      finish_reason: finish,
    }),
  ),
  usage,
})

const model = z.looseObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  max_model_len: z.int(),
})

export const modelAnswer = model
export const modelList = z.looseObject({ object: z.literal('list'), data: z.array(model) })

export const embeddingList = z.looseObject({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.looseObject({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage,
})

export const tokenList = z.looseObject({
  count: z.int(),
  max_model_len: z.int(),
  tokens: z.array(z.int()),
})

export const promptText = z.looseObject({ prompt: z.string() })
export const health = z.looseObject({ status: z.enum(['loading', 'ready', 'failed', 'draining']) })
export const errorAnswer = z.looseObject({
  error: z.looseObject({ message: z.string(), type: z.string() }),
})

export const openapiAnswer = z.looseObject({
  openapi: z.string(),
  paths: z.looseObject({}),
  components: z.looseObject({}),
})
