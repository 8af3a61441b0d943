/**
 * Which tensors a GGUF file has, before any of them is made.
 * @module
 */
import type { ModelConfig } from '../files/config.ts'
import { ggufName } from '../files/gguf-names.ts'
import { ropeFrequencies } from '../files/rope.ts'
import type { TensorLayout } from '../files/tensor-layout.ts'
import type { WeightRef } from '../graph/node.ts'
import { recordModel } from '../models/registry.ts'
import type { TensorInfo } from '../native.ts'
import type { GgufTensorHeader } from './gguf-bytes.ts'

/** One tensor of the file. */
export interface PlannedGgufTensor extends GgufTensorHeader {
  /** What it is made of, one after the other: the experts of a projection, or one weight. */
  readonly refs: readonly WeightRef[]
  /** Above 0: in each run of so many rows the file has rows i and i + half side by side. */
  readonly interleavedHeadDim: number
  /** Stands instead of weights. */
  readonly values?: Float32Array
}

/** Elements that share a scale; other rows cannot be q8_0. */
const blockElements = 32
const blockBytes = 34

const rotated = /\.attn_[qk]\.(weight|bias)$/

/** Every matrix but routers becomes q8_0; norms, biases and routers are f32, as readers expect. */
export function planGguf(
  config: ModelConfig,
  stored: readonly TensorInfo[],
  layout: TensorLayout,
): PlannedGgufTensor[] {
  const { graph, names } = recordModel(config, stored, layout)
  const dtypes = new Map(stored.map(({ name, dtype }) => [name, dtype]))
  const parts = new Map<string, WeightRef[]>()
  for (const ref of graph.weights) {
    const name = ggufName(names[ref.id]!)
    const before = parts.get(name)
    if (before === undefined) parts.set(name, [ref])
    else before.push(ref)
  }
  const tensors = [...parts].map(([name, refs]) => {
    const interleavedHeadDim =
      config.modelType === 'llama' && rotated.test(name) ? config.headDim : 0
    const type = typeOf(refs[0]!, dtypes)
    const { rows, cols, kind } = refs[0]!
    const inner = kind === 'vector' ? [cols] : [rows, cols]
    const shape = name.includes('_exps.') ? [refs.length, ...inner] : inner
    const bytes = refs.length * rows * rowBytes(type, cols)
    return { name, type, shape, bytes, refs, interleavedHeadDim }
  })
  return [...tensors, ...ropeTensor(config)]
}

function typeOf(ref: WeightRef, dtypes: ReadonlyMap<string, string>): GgufTensorHeader['type'] {
  if (ref.kind === 'vector' || ref.exact === true) return 'f32'
  if (ref.cols % blockElements === 0) return 'q8_0'
  return dtypes.get(ref.tensor) === 'bf16' ? 'bf16' : 'f32'
}

export function rowBytes(type: GgufTensorHeader['type'], cols: number): number {
  if (type === 'q8_0') return (cols / blockElements) * blockBytes
  return cols * (type === 'bf16' ? 2 : 4)
}

/** What each rotary frequency is divided by, where no key of the metadata says it. */
function ropeTensor(config: ModelConfig): PlannedGgufTensor[] {
  const { scaling } = config.rope
  if (scaling?.type !== 'llama3' && scaling?.type !== 'divisors') return []
  const plain = ropeFrequencies({ ...config, rope: { ...config.rope, scaling: null } }).invFreq
  const scaled = ropeFrequencies(config).invFreq
  const values =
    scaling.type === 'divisors'
      ? Float32Array.from(scaling.divisors)
      : plain.map((f, i) => f / scaled[i]!)
  const shape = [values.length]
  const header = {
    name: 'rope_freqs.weight',
    type: 'f32',
    shape,
    bytes: values.byteLength,
  } as const
  return [{ ...header, refs: [], interleavedHeadDim: 0, values }]
}
