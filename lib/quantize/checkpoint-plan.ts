/**
 * Which tensors the quantised checkpoint has, in which files, before any of them is made.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { ModelConfig } from '../files/config.ts'
import type { TensorLayout } from '../files/tensor-layout.ts'
import type { Graph, WeightRef } from '../graph/node.ts'
import { recordModel } from '../models/registry.ts'
import type { TensorInfo } from '../native.ts'

/** One weight of the model and the tensors that it becomes. */
export interface PlannedWeight {
  readonly ref: WeightRef
  readonly format: 'int8' | 'bf16' | 'f32'
  /** Columns that share a scale; int8 only. */
  readonly group: number
  /** The values, and after them the scales where they are int8. */
  readonly tensors: readonly PlannedTensor[]
}

export interface PlannedTensor {
  readonly name: string
  readonly dtype: 'I8' | 'BF16' | 'F32'
  readonly shape: readonly number[]
  readonly bytes: number
}

/** One file of the checkpoint. */
export interface PlannedShard {
  readonly weights: PlannedWeight[]
  bytes: number
}

export interface CheckpointPlan {
  readonly shards: readonly PlannedShard[]
  /** Columns that share a scale; 0: the whole row. */
  readonly group: number
  /** Matrices that stay as they are, by module: `model.layers.0.mlp.gate`. */
  readonly ignored: readonly string[]
  /** Of all tensors. */
  readonly bytes: number
}

export interface PlanOptions {
  /** Columns that share a scale; 0: the whole row; undefined: what loading would choose. */
  readonly group: number | undefined
  /** A file is begun where the last one has so many bytes. */
  readonly maxShardBytes: number
}

/** As checkpoints are split on the hub. */
export const defaultShardBytes = 5e9

/** Every matrix but routers becomes int8; norms, biases and routers keep their numbers. */
export function planCheckpoint(
  config: ModelConfig,
  stored: readonly TensorInfo[],
  layout: TensorLayout,
  options: PlanOptions,
): CheckpointPlan {
  const { graph, names } = recordModel(config, stored, layout)
  const { group = usualGroup(graph), maxShardBytes } = options
  const dtypes = new Map(stored.map(({ name, dtype }) => [name, dtype]))
  const shards: PlannedShard[] = []
  // A tied head is the embedding: no tensor of its own, and nothing to convert.
  const ignored: string[] = config.tieWordEmbeddings ? ['lm_head'] : []
  let bytes = 0
  for (const ref of graph.weights) {
    const name = names[ref.id]!
    const weight = planWeight(ref, name, dtypes.get(ref.tensor), group)
    const size = weight.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
    if (ref.kind === 'matrix' && weight.format !== 'int8')
      ignored.push(name.replace(/\.weight$/, ''))
    const last = shards.at(-1)
    if (last === undefined || last.bytes + size > maxShardBytes)
      shards.push({ weights: [weight], bytes: size })
    else {
      last.weights.push(weight)
      last.bytes += size
    }
    bytes += size
  }
  return { shards, group, ignored, bytes }
}

/** As `weights: 'int8'` chooses while loading: native/executor/bind.cc. */
function usualGroup({ weights }: Graph): number {
  const fits = (ref: WeightRef) => ref.kind === 'vector' || ref.exact || ref.cols % 32 === 0
  return weights.every(fits) ? 32 : 0
}

function planWeight(
  ref: WeightRef,
  name: string,
  dtype: string | undefined,
  asked: number,
): PlannedWeight {
  const { rows, cols } = ref
  const elements = rows * cols
  if (ref.kind === 'vector' || ref.exact === true) {
    const format = dtype === 'bf16' ? 'bf16' : 'f32'
    const shape = ref.kind === 'vector' ? [cols] : [rows, cols]
    const bytes = elements * (format === 'bf16' ? 2 : 4)
    const tensor = { name, dtype: format === 'bf16' ? 'BF16' : 'F32', shape, bytes } as const
    return { ref, format, group: cols, tensors: [tensor] }
  }
  const group = asked === 0 ? cols : asked
  if (cols % group !== 0) throw noDivisor(name, cols, group)
  const scales = rows * (cols / group)
  return {
    ref,
    format: 'int8',
    group,
    tensors: [
      { name, dtype: 'I8', shape: [rows, cols], bytes: elements },
      { name: `${name}_scale`, dtype: 'F32', shape: [rows, cols / group], bytes: scales * 4 },
    ],
  }
}

const noDivisor = (name: string, columns: number, group: number) =>
  new ConclaveError(
    'invalid_request',
    `Expected a group that divides the ${columns} columns of "${name}", but got ${group}. 0 ` +
      'stands for one scale a row.',
    { tensor: name, columns, group },
  )
