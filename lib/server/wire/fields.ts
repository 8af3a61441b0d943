/**
 * Fields that several routes take, as clients write them.
 * @module
 */
import { z } from 'zod'

/** 1 MiB of text is more than any context holds. */
export const maxText = 4 * 2 ** 20

export const text = z.string().max(maxText)
export const number = (min: number, max: number) => z.number().min(min).max(max).nullish()
export const integer = (min: number, max: number) => z.int().min(min).max(max).nullish()
export const flag = z.boolean().nullish()
const count = 2 ** 31 - 1

// Without \p{Cc}: other languages read this pattern in the OpenAPI document.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it keeps out
const noControl = /^[^\u0000-\u001f\u007f-\u009f]*$/

/** Short text without control characters: it may reach a log or a header. */
export const label = z.string().max(256).regex(noControl, 'Expected no control characters')

/** The name of the model, which the OpenAPI document fills in. */
export const servedName = label.meta({})

/** Below the size of the vocabulary, which the OpenAPI document fills in. */
export const tokenId = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)

export const modelName = servedName.optional().describe('A name of /v1/models; left out: the model')

const stop = z
  .union([z.string().min(1).max(1024), z.array(z.string().min(1).max(1024)).max(16)])
  .nullish()
  .describe('Texts that end the answer and are left out of it')

const logitBias = z
  .record(z.string().regex(/^\d{1,10}$/, 'Expected a token id'), z.number().min(-100).max(100))
  .nullish()

/** How tokens are drawn; names and ranges as OpenAI's, the rest as vLLM's. */
export const samplingFields = {
  temperature: number(0, 2),
  top_p: number(0, 1),
  top_k: integer(-1, count).describe('0 or -1: all tokens'),
  min_p: number(0, 1),
  repetition_penalty: number(0.01, 10),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  logit_bias: logitBias,
  seed: z.int().nullish(),
  stop,
  stop_token_ids: z.array(tokenId).max(128).nullish(),
  ignore_eos: flag,
  min_tokens: integer(0, count),
  n: integer(1, 16),
  priority: integer(-1000, 1000).describe('Lower goes first'),
  cache_salt: label.nullish().describe('Requests share cached prefixes within one salt alone'),
}

export const streamFields = {
  stream: flag,
  stream_options: z
    .looseObject({ include_usage: flag, include_obfuscation: flag, continuous_usage_stats: flag })
    .nullish(),
}

export const maxTokens = integer(1, count)

/** Fields of OpenAI's and vLLM's that have no effect here; a request that has one is answered. */
export const ignoredFields = new Set([
  'user',
  'metadata',
  'store',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'verbosity',
  'prediction',
  'modalities',
  'audio',
  'web_search_options',
  'functions',
  'function_call',
  'best_of',
  'suffix',
  'use_beam_search',
  'length_penalty',
  'skip_special_tokens',
  'spaces_between_special_tokens',
  'include_stop_str_in_output',
  'truncate_prompt_tokens',
  'bad_words',
])

/** What of a body has no effect, in words that a header can carry. */
export function unusedFields(body: object, known: ReadonlySet<string>): string[] {
  const unused: string[] = []
  for (const [name, value] of Object.entries(body)) {
    if (value === null || known.has(name)) continue
    unused.push(/^[\w.-]{1,64}$/.test(name) ? name : 'a field with another name')
    if (unused.length === 16) break
  }
  return unused
}
