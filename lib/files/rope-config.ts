/**
 * Rotary position settings in both spellings: `rope_theta` + `rope_scaling`, and one
 * `rope_parameters`.
 * @module
 */
import { ConfigReader, isObject } from './config-reader.ts'

/**
 * How frequencies change for contexts longer than the model was trained on. Names as in
 * config.json.
 */
export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  /** GGUF's `rope_freqs`: (headDim / 2) what each frequency is divided by. */
  | { readonly type: 'divisors'; readonly divisors: readonly number[] }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositionEmbeddings: number
    }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly originalMaxPositionEmbeddings: number
      readonly betaFast: number
      readonly betaSlow: number
      readonly attentionFactor: number | null
      readonly mscale: number | null
      readonly mscaleAllDim: number | null
      readonly truncate: boolean
    }

export interface RopeConfig {
  readonly theta: number
  readonly scaling: RopeScaling | null
}

const defaultTheta = 10_000
const thetaRange = { min: 1, max: 1e15 }
const factorRange = { min: 1e-6, max: 1e6 }
const positionRange = { min: 1, max: 2 ** 30 }

/**
 * Reads the rotary settings of a text config. `maxPositionEmbeddings` stands in for the original
 * length where it is absent.
 * Throws `invalid_config`, or `unsupported_model` for a rope type that is not implemented.
 */
export function parseRope(config: ConfigReader, maxPositionEmbeddings: number): RopeConfig {
  const rope = ropeObject(config)
  const holder = rope.has('rope_theta') ? rope : config
  const theta = holder.number('rope_theta', thetaRange, defaultTheta)
  if (theta === 1) throw holder.refuse('rope_theta', 'greater than 1')
  for (const reader of [rope, config]) {
    const key = 'partial_rotary_factor'
    if (reader.has(key) && reader.number(key, { min: 0, max: 1 }) !== 1) {
      throw reader.unsupported(key, 'rotating only a part of each head is not implemented.')
    }
  }
  return { theta, scaling: parseScaling(rope, config, maxPositionEmbeddings) }
}

/**
 * The object that holds type and factors; `rope_scaling` wins where both are filled, as in
 * transformers.
 */
function ropeObject(config: ConfigReader): ConfigReader {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    if (!config.has(key)) continue
    const value = config.get(key)
    if (!isObject(value)) throw config.refuse(key, 'an object or null')
    if (Object.keys(value).length === 0) continue
    // Nested by layer type where a config declares layer types; only full attention is implemented.
    const inner = Object.hasOwn(value, 'full_attention') ? value.full_attention : value
    return new ConfigReader(inner, `"${key}" of ${config.where}`)
  }
  return new ConfigReader({}, config.where)
}

function parseScaling(
  rope: ConfigReader,
  config: ConfigReader,
  maxPositionEmbeddings: number,
): RopeScaling | null {
  const typeKey = rope.has('rope_type') ? 'rope_type' : 'type'
  const type = rope.stringOrNull(typeKey) ?? 'default'
  // Sections of "mrope" matter to images alone: text has one position, and the three rows agree.
  if (type === 'default' || type === 'mrope') return null
  if (type === 'linear') return { type, factor: rope.number('factor', factorRange) }
  if (type === 'divisors') return { type, divisors: rope.numbers('divisors', factorRange) }
  if (type !== 'llama3' && type !== 'yarn') {
    throw rope.unsupported(typeKey, 'only default, linear, llama3 and yarn are implemented.')
  }
  const key = 'original_max_position_embeddings'
  const holder = config.has(key) ? config : rope
  const original = holder.int(key, positionRange, maxPositionEmbeddings)
  return type === 'llama3' ? llama3(rope, original) : yarn(rope, original, maxPositionEmbeddings)
}

function llama3(rope: ConfigReader, originalMaxPositionEmbeddings: number): RopeScaling {
  const lowFreqFactor = rope.number('low_freq_factor', factorRange)
  const highFreqFactor = rope.number('high_freq_factor', factorRange)
  if (highFreqFactor <= lowFreqFactor) {
    throw rope.refuse('high_freq_factor', `greater than low_freq_factor (${lowFreqFactor})`)
  }
  const factor = rope.number('factor', factorRange)
  return { type: 'llama3', factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings }
}

function yarn(rope: ConfigReader, original: number, maxPositionEmbeddings: number): RopeScaling {
  const derived = rope.get('factor') === null ? maxPositionEmbeddings / original : undefined
  const scale = { min: 0, max: 1e6 }
  return {
    type: 'yarn',
    factor: rope.number('factor', factorRange, derived),
    originalMaxPositionEmbeddings: original,
    betaFast: (rope.numberOrNull('beta_fast', scale) ?? 32) || 32,
    betaSlow: (rope.numberOrNull('beta_slow', scale) ?? 1) || 1,
    attentionFactor: rope.numberOrNull('attention_factor', factorRange),
    mscale: rope.numberOrNull('mscale', scale),
    mscaleAllDim: rope.numberOrNull('mscale_all_dim', scale),
    truncate: rope.bool('truncate', true),
  }
}
