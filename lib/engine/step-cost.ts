/**
 * What a decode step must read and a prefill must compute, counted on the recorded graph.
 * @module
 */
import type { Graph, WeightRef } from '../graph/node.ts'
import type { TensorInfo } from '../native.ts'
import { type WeightFormat, weightSizer } from './memory-plan.ts'

export interface DecodeLoad {
  format: WeightFormat
  batch: number
  /** Mean tokens in the cache of each sequence. */
  depth: number
  kvBytesPerToken: number
}

/**
 * Bytes that a step of `batch` decodes reads, divided by the batch: dense weights once, of the
 * experts as many as even routing touches, the embedding's rows, and the keys and values of each
 * sequence.
 */
export function decodeBytesPerToken(
  graph: Graph,
  tensors: readonly TensorInfo[],
  { format, batch, depth, kvBytesPerToken }: DecodeLoad,
): number {
  const sizeOf = weightSizer(tensors, format)
  const bytes = (ids: readonly number[]) =>
    ids.reduce((sum, id) => sum + sizeOf(graph.weights[id]!), 0)
  let perStep = 0
  let perToken = kvBytesPerToken * depth
  for (const { op, weights, attrs, inputs } of graph.nodes) {
    if (op === 'embed') perToken += sizeOf(oneRow(graph.weights[weights[0]!]!))
    else if (op === 'moe_experts') {
      const numExperts = attrs.num_experts as number
      const chosen = graph.values[inputs[1]!]!.shape[1] as number
      perStep += bytes(weights) * (1 - (1 - chosen / numExperts) ** batch)
    } else perStep += bytes(weights)
  }
  return perStep / batch + perToken
}

const oneRow = (ref: WeightRef): WeightRef => ({ ...ref, rows: 1 })

/**
 * Operations that one token of a prompt of `promptTokens` takes, a multiplication and an addition counted as 2:
 * the matrices it goes through (the head not: only the last token does), and attention over half of the prompt.
 */
export function prefillFlopsPerToken(graph: Graph, promptTokens: number): number {
  const matrix = ({ rows, cols }: WeightRef) => 2 * rows * cols
  const width = (id: number) => graph.values[id]!.shape[1] as number
  let flops = 0
  for (const { op, weights, attrs, inputs, outputs } of graph.nodes) {
    const onTokens = outputs.length > 0 && graph.values[outputs[0]!]!.shape[0] === 'num_tokens'
    if (op === 'attention') flops += (4 * width(inputs[0]!) * promptTokens) / 2
    else if (op === 'matmul' && onTokens) flops += matrix(graph.weights[weights[0]!]!)
    else if (op === 'moe_experts') {
      const all = weights.reduce((sum, id) => sum + matrix(graph.weights[id]!), 0)
      flops += (all * width(inputs[1]!)) / (attrs.num_experts as number)
    }
  }
  return flops
}
