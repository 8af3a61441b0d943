/** Llama (3.x, SmolLM2): attention without QK-norm and a gated MLP; biases where the config asks for them. */
import type { Value } from '../graph/node.ts'
import type { Slices } from '../slices.ts'
import { block, decoder, mlp, type Recording } from './parts.ts'

export function llama(m: Recording): Slices<Value> {
  return decoder(m, (x, i) => block(m, x, i, { qkNorm: false, feedForward: mlp }))
}
