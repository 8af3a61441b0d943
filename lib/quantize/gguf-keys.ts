/**
 * A model's config → the metadata of its GGUF file.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { ModelConfig } from '../files/config.ts'
import type { GgufEntry, GgufValue } from './gguf-bytes.ts'

/** `general.file_type`: mostly q8_0. */
const mostlyQ8 = 7

const int = (value: number): GgufValue => ({ type: 'u32', value })
const float = (value: number): GgufValue => ({ type: 'f32', value })
const string = (value: string): GgufValue => ({ type: 'string', value })

/** The architecture's name in GGUF. */
export const ggufArchitecture = (config: ModelConfig): string => config.modelType.replace('_', '')

/**
 * Everything but the tokenizer. Throws `unsupported_model` for what the format has no key for and
 * readers would therefore compute another way.
 */
export function modelEntries(config: ModelConfig, name: string): GgufEntry[] {
  const architecture = ggufArchitecture(config)
  const { moe } = config
  const keys: GgufEntry[] = [
    ['vocab_size', int(config.vocabSize)],
    ['block_count', int(config.numHiddenLayers)],
    ['context_length', int(config.maxPositionEmbeddings)],
    ['embedding_length', int(config.hiddenSize)],
    ['feed_forward_length', int(config.intermediateSize)],
    ['attention.head_count', int(config.numAttentionHeads)],
    ['attention.head_count_kv', int(config.numKeyValueHeads)],
    ['attention.key_length', int(config.headDim)],
    ['attention.value_length', int(config.headDim)],
    ['attention.layer_norm_rms_epsilon', float(config.rmsNormEps)],
    ['rope.freq_base', float(config.rope.theta)],
    ['rope.dimension_count', int(config.headDim)],
    ...scalingKeys(config),
  ]
  if (moe !== null) {
    if (!moe.normTopkProb)
      throw noKey('norm_topk_prob false', 'readers of this architecture always normalise')
    keys.push(
      ['expert_count', int(moe.numExperts)],
      ['expert_used_count', int(moe.numExpertsPerTok)],
      ['expert_feed_forward_length', int(moe.moeIntermediateSize)],
    )
  }
  return [
    ['general.architecture', string(architecture)],
    ['general.type', string('model')],
    ['general.name', string(name)],
    ['general.file_type', int(mostlyQ8)],
    ['general.quantization_version', int(2)],
    ...keys.map(([key, value]): GgufEntry => [`${architecture}.${key}`, value]),
  ]
}

/** Llama 3's scaling, and divisors as such, are a tensor instead. */
function scalingKeys({ rope: { scaling } }: ModelConfig): GgufEntry[] {
  if (scaling?.type === 'linear')
    return [
      ['rope.scaling.type', string('linear')],
      ['rope.scaling.factor', float(scaling.factor)],
    ]
  if (scaling?.type !== 'yarn') return []
  const { factor, attentionFactor, mscale, mscaleAllDim, truncate } = scaling
  const usual = factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1
  const own = mscale && mscaleAllDim ? Number.NaN : usual
  if (!truncate || !(Math.abs((attentionFactor ?? own) - usual) < 1e-6))
    throw noKey('YaRN with a scale or rounding of its own', 'readers derive them from the factor')
  return [
    ['rope.scaling.type', string('yarn')],
    ['rope.scaling.factor', float(factor)],
    ['rope.scaling.original_context_length', int(scaling.originalMaxPositionEmbeddings)],
    ['rope.scaling.yarn_beta_fast', float(scaling.betaFast)],
    ['rope.scaling.yarn_beta_slow', float(scaling.betaSlow)],
  ]
}

const noKey = (what: string, why: string) =>
  new ConclaveError(
    'unsupported_model',
    `Expected a model that GGUF can describe, but it has ${what}: ${why}. Write a ` +
      'compressed-tensors checkpoint instead.',
  )
