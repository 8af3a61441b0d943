/**
 * `model_type` → the file that records it. Adding an architecture is one file and one row here.
 * @module
 */
import type { ModelConfig } from '../files/config.ts'
import { ropeFrequencies } from '../files/rope.ts'
import { plainLayout, type TensorLayout } from '../files/tensor-layout.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/node.ts'
import type { TensorInfo } from '../native.ts'
import { atOnce, type Slices } from '../slices.ts'
import { llama } from './llama.ts'
import type { Recording } from './parts.ts'
import { qwen3 } from './qwen3.ts'
import { isSparse, qwen3Moe } from './qwen3-moe.ts'
import { tensorsByName, WeightMap } from './weight-map.ts'

const architectures: Record<ModelConfig['modelType'], (m: Recording) => Slices<Value>> = {
  llama,
  qwen3,
  qwen3_moe: qwen3Moe,
}

/** A recorded model, and how many parameters it has and touches for one token (embeddings included). */
export interface RecordedModel {
  graph: Graph
  /** Name of each weight of the graph in a Hugging Face checkpoint with one tensor an expert. */
  names: readonly string[]
  /** Tensors that the graph reads. */
  tensors: readonly TensorInfo[]
  parametersTotal: number
  parametersActive: number
}

/**
 * Records the model that `config` describes over the tensors that the weight files hold; `layout`
 * says how these are named where the files are not a Hugging Face checkpoint.
 * Throws `invalid_file` naming a tensor that is missing, left over or of another shape.
 */
export function recordModel(
  config: ModelConfig,
  tensors: readonly TensorInfo[],
  layout: TensorLayout = plainLayout,
): RecordedModel {
  return atOnce(recordInSlices(config, tensors, layout))
}

/** The same, as work that yields: some checkpoints have 100,000 tensors. */
export function* recordInSlices(
  config: ModelConfig,
  tensors: readonly TensorInfo[],
  layout: TensorLayout = plainLayout,
): Slices<RecordedModel> {
  const graph = new GraphBuilder()
  const named = yield* tensorsByName(tensors, layout)
  const weights = new WeightMap(graph, named, layout, config.quantization)
  const { invFreq, scale } = ropeFrequencies(config)
  const rope = { invFreq: graph.table('inv_freq', invFreq), scale }
  const logits = yield* architectures[config.modelType]({ graph, weights, config, rope })
  const { parameters, names, used } = yield* weights.finish()
  return {
    graph: graph.finish(config.modelType, logits),
    names,
    tensors: used,
    parametersTotal: parameters,
    parametersActive: parameters - idleParameters(config),
  }
}

/** Parameters of the experts that one token does not choose. */
function idleParameters({ moe, hiddenSize, numHiddenLayers }: ModelConfig): number {
  if (moe === null) return 0
  const sparse = Array.from({ length: numHiddenLayers }, (_, i) => i).filter(i =>
    isSparse(moe, i),
  ).length
  return sparse * (moe.numExperts - moe.numExpertsPerTok) * 3 * moe.moeIntermediateSize * hiddenSize
}
