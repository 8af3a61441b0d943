/** Qwen3 dense (0.6B … 32B): QK-norm attention and a gated MLP. */
import type { Value } from '../graph/node.ts'
import type { Slices } from '../slices.ts'
import { block, decoder, mlp, type Recording } from './parts.ts'

export function qwen3(m: Recording): Slices<Value> {
  return decoder(m, (x, i) => block(m, x, i, { qkNorm: true, feedForward: mlp }))
}
