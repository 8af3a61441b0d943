/**
 * Rotary frequencies: one angle step for each pair of elements of a head.
 * @module
 */
import type { ModelConfig, RopeScaling } from './config.ts'

/** What the rope op multiplies positions with; `scale` multiplies both cos and sin. */
export interface RopeFrequencies {
  /** (headDim / 2) radians for each position. */
  readonly invFreq: Float32Array
  readonly scale: number
}

type Llama3 = Extract<RopeScaling, { type: 'llama3' }>
type Yarn = Extract<RopeScaling, { type: 'yarn' }>

/**
 * inv_freq[i] = theta^(−2i / headDim), then the config's scaling. Computed in f64, rounded once to f32.
 * @example
 * ropeFrequencies(config).invFreq[0] // 1
 */
export function ropeFrequencies(config: Pick<ModelConfig, 'headDim' | 'rope'>): RopeFrequencies {
  const { theta, scaling } = config.rope
  const plain = Array.from({ length: config.headDim / 2 }, (_, i) => {
    return theta ** ((-2 * i) / config.headDim)
  })
  if (scaling === null) return { invFreq: Float32Array.from(plain), scale: 1 }
  if (scaling.type === 'linear') {
    return { invFreq: Float32Array.from(plain, f => f / scaling.factor), scale: 1 }
  }
  if (scaling.type === 'llama3') {
    return { invFreq: Float32Array.from(plain, f => llama3(f, scaling)), scale: 1 }
  }
  return {
    invFreq: Float32Array.from(yarn(plain, theta, config.headDim, scaling)),
    scale: yarnScale(scaling),
  }
}

/** Llama 3.1: short wavelengths stay, long ones are divided by the factor, those between are blended. */
function llama3(f: number, scaling: Llama3): number {
  const { factor, lowFreqFactor: low, highFreqFactor: high } = scaling
  const turns = (scaling.originalMaxPositionEmbeddings * f) / (2 * Math.PI)
  if (turns > high) return f
  if (turns < low) return f / factor
  const t = (turns - low) / (high - low)
  return ((1 - t) * f) / factor + t * f
}

/** YaRN (arXiv:2309.00071): frequencies that turn rarely within the original length are divided by the factor. */
function yarn(plain: number[], theta: number, headDim: number, scaling: Yarn): number[] {
  // Index of the pair that turns `turns` times within the original length.
  const pairOf = (turns: number) =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (turns * 2 * Math.PI))) /
    (2 * Math.log(theta))
  const [first, last] = [pairOf(scaling.betaFast), pairOf(scaling.betaSlow)]
  const low = Math.max(scaling.truncate ? Math.floor(first) : first, 0)
  let high = Math.min(scaling.truncate ? Math.ceil(last) : last, headDim - 1)
  if (high === low) high += 0.001
  return plain.map((f, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1)
    return f * (1 - ramp) + (f / scaling.factor) * ramp
  })
}

function yarnScale({ factor, attentionFactor, mscale, mscaleAllDim }: Yarn): number {
  if (attentionFactor !== null) return attentionFactor
  const scaleOf = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1)
  return mscale && mscaleAllDim ? scaleOf(mscale) / scaleOf(mscaleAllDim) : scaleOf(1)
}
