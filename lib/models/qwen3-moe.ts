/** Qwen3 MoE (30B-A3B, 235B-A22B, Coder): QK-norm attention, and a sparse feed-forward in most or all layers. */
import type { Value } from '../graph/node.ts'
import type { Slices } from '../slices.ts'
import { block, decoder, mlp, type Recording, sparseMoe } from './parts.ts'

/** A layer is sparse unless `mlp_only_layers` names it or `decoder_sparse_step` skips it. */
export function isSparse(moe: NonNullable<Recording['config']['moe']>, i: number): boolean {
  return !moe.mlpOnlyLayers.includes(i) && (i + 1) % moe.decoderSparseStep === 0
}

export function qwen3Moe(m: Recording): Slices<Value> {
  const moe = m.config.moe!
  return decoder(m, (x, i) =>
    block(m, x, i, { qkNorm: true, feedForward: isSparse(moe, i) ? sparseMoe : mlp }),
  )
}
