/**
 * generation_config.json → which ids stop a reply, and how the model's authors sample.
 * @module
 */
import type { ModelConfig } from './config.ts'
import { ConfigReader } from './config-reader.ts'

/** Defaults for sampling. A key is absent where the file does not set it. */
export interface GenerationConfig {
  /** The authoritative stop set: this file's `eos_token_id`, else that of config.json. */
  readonly eosTokenIds: readonly number[]
  readonly doSample?: boolean
  /** 0 (greedy) unless the file says `do_sample: true`, as transformers reads it. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly maxNewTokens?: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Reads a parsed generation_config.json; null stands for a folder without one.
 * Unknown keys are left alone, known ones of a wrong type are `invalid_config`.
 * @example
 * parseGenerationConfig({ do_sample: true, temperature: 0.6, top_k: 20, top_p: 0.95 }, config)
 */
export function parseGenerationConfig(
  raw: unknown,
  config: Pick<ModelConfig, 'vocabSize' | 'eosTokenIds'>,
): GenerationConfig {
  if (raw === null) return { eosTokenIds: config.eosTokenIds, temperature: 0 }
  const file = new ConfigReader(raw, 'generation_config.json')
  const anyInt = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }
  const ids = file.ints('eos_token_id', anyInt).filter(id => id >= 0 && id < config.vocabSize)
  const doSample = file.bool('do_sample', false)
  const result: Mutable<GenerationConfig> = {
    eosTokenIds: file.has('eos_token_id') ? [...new Set(ids)] : config.eosTokenIds,
  }
  if (file.has('do_sample')) result.doSample = doSample
  const temperature = file.numberOrNull('temperature', { min: 0, max: 1000 })
  if (!doSample) result.temperature = 0
  else if (temperature !== null) result.temperature = temperature

  const unit = { min: 0, max: 1 }
  const topK = file.has('top_k') ? file.int('top_k', { min: -1, max: 2 ** 31 - 1 }) : null
  const set = (key: 'topP' | 'minP' | 'repetitionPenalty', value: number | null) => {
    if (value !== null) result[key] = value
  }
  if (topK !== null) result.topK = Math.max(topK, 0)
  set('topP', file.numberOrNull('top_p', unit))
  set('minP', file.numberOrNull('min_p', unit))
  set('repetitionPenalty', file.numberOrNull('repetition_penalty', { min: 1e-6, max: 1000 }))
  const limit = { min: 1, max: 2 ** 31 - 1 }
  if (file.has('max_new_tokens')) result.maxNewTokens = file.int('max_new_tokens', limit)
  return result
}
