/**
 * The body of /v1/completions.
 * @module
 */
import { z } from 'zod'
import { conditions } from './beyond-schema.ts'
import {
  flag,
  integer,
  maxText,
  modelName,
  samplingFields,
  streamFields,
  tokenId,
} from './fields.ts'
import { moderation } from './moderation.ts'
import { structuredFields } from './structured.ts'

const text = z.string().min(1).max(maxText)
const ids = z.array(tokenId).min(1).max(1_048_576)

/** One text, several, the ids of one, or of several. */
export const prompts = z.union(
  [text, ids, z.array(text).min(1).max(256), z.array(ids).min(1).max(256)],
  {
    error: 'Expected a text, token ids, or a list of at most 256 of either',
  },
)

/** What the route checks. */
const together = conditions(
  [
    { required: ['max_tokens'], properties: { max_tokens: { const: 0 } } },
    { required: ['echo'], properties: { echo: { const: true } } },
  ],
  [
    { required: ['moderation'], properties: { moderation: { type: 'object' } } },
    { properties: { echo: { enum: [false, null] } } },
  ],
)

export const completionBody = z
  .looseObject({
    model: modelName,
    prompt: prompts,
    max_tokens: integer(0, 2 ** 31 - 1).describe('0 with echo: the prompt alone. Default 16'),
    ...samplingFields,
    ...streamFields,
    ...structuredFields,
    logprobs: integer(0, 20),
    echo: flag,
    moderation,
  })
  .meta(together)

export type CompletionBody = z.infer<typeof completionBody>
