/**
 * Rotary frequencies: one angle step for each pair of elements of a head.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { ModelConfig, RopeScaling } from './config.ts'

/** What the rope op multiplies positions with; `scale` multiplies both cos and sin. */
export interface RopeFrequencies {
  /** (headDim / 2) radians for each position. */
  readonly invFreq: Float32Array
  readonly scale: number
}

type Llama3 = Extract<RopeScaling, { type: 'llama3' }>
type Yarn = Extract<RopeScaling, { type: 'yarn' }>

// Each step is rounded to f32 as transformers does it: at position 2,000 the last bit of a
// frequency
// is already 1e-4 rad, and checkpoints were trained with the rounded values.
const f32 = Math.fround

/**
 * inv_freq[i] = theta^(−2i / headDim), then the scaling that the config asks for.
 * @example
 * ropeFrequencies(config).invFreq[0] // 1
 */
export function ropeFrequencies(config: Pick<ModelConfig, 'headDim' | 'rope'>): RopeFrequencies {
  const { theta, scaling } = config.rope
  const periods = Array.from({ length: config.headDim / 2 }, (_, i) => {
    return f32(theta ** f32((2 * i) / config.headDim))
  })
  const plain = Float32Array.from(periods, period => 1 / period)
  if (scaling === null) return { invFreq: plain, scale: 1 }
  if (scaling.type === 'linear') {
    return { invFreq: plain.map(f => f / f32(scaling.factor)), scale: 1 }
  }
  if (scaling.type === 'llama3') {
    return { invFreq: plain.map(f => llama3(f, scaling)), scale: 1 }
  }
  if (scaling.type === 'divisors') return { invFreq: divided(plain, scaling.divisors), scale: 1 }
  return { invFreq: yarn(periods, theta, config.headDim, scaling), scale: yarnScale(scaling) }
}

function divided(plain: Float32Array, divisors: readonly number[]): Float32Array {
  if (divisors.length === plain.length) return plain.map((f, i) => f / f32(divisors[i]!))
  throw new ConclaveError(
    'invalid_config',
    `Expected ${plain.length} divisors of rotary frequencies, one for each pair of a head, but ` +
      `there are ${divisors.length}.`,
    { expected: plain.length, actual: divisors.length },
  )
}

/** Llama 3.1: short wavelengths stay, long ones are divided by the factor, those between blend. */
function llama3(f: number, scaling: Llama3): number {
  const { lowFreqFactor: low, highFreqFactor: high, originalMaxPositionEmbeddings } = scaling
  const factor = f32(scaling.factor)
  const wavelength = f32(f32(2 * Math.PI) / f)
  if (wavelength > f32(originalMaxPositionEmbeddings / low)) return f32(f / factor)
  if (wavelength < f32(originalMaxPositionEmbeddings / high)) return f
  const turns = f32(originalMaxPositionEmbeddings / wavelength)
  const t = f32(f32(turns - f32(low)) / f32(high - low))
  return f32(f32(f32(f32(1 - t) * f) / factor) + f32(t * f))
}

/** YaRN (arXiv:2309.00071): frequencies that turn rarely in the original length are divided. */
function yarn(periods: number[], theta: number, headDim: number, scaling: Yarn): Float32Array {
  // Index of the pair that turns `turns` times within the original length.
  const pairOf = (turns: number) =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (turns * 2 * Math.PI))) /
    (2 * Math.log(theta))
  const [first, last] = [pairOf(scaling.betaFast), pairOf(scaling.betaSlow)]
  const low = Math.max(scaling.truncate ? Math.floor(first) : first, 0)
  let high = Math.min(scaling.truncate ? Math.ceil(last) : last, headDim - 1)
  if (high === low) high += 0.001
  return Float32Array.from(periods, (period, i) => {
    const ramp = f32(f32(i - f32(low)) / f32(high - low))
    const kept = f32(1 - Math.min(Math.max(ramp, 0), 1))
    const stretched = f32(1 / f32(f32(scaling.factor) * period))
    return f32(f32(stretched * f32(1 - kept)) + f32(f32(1 / period) * kept))
  })
}

function yarnScale({ factor, attentionFactor, mscale, mscaleAllDim }: Yarn): number {
  if (attentionFactor !== null) return attentionFactor
  const scaleOf = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1)
  return mscale && mscaleAllDim ? scaleOf(mscale) / scaleOf(mscaleAllDim) : scaleOf(1)
}
