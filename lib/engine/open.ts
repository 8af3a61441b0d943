/**
 * A model folder opened, recorded and planned, with nothing of its size in memory yet and its
 * tokenizer still to be read.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { ModelConfig } from '../files/config.ts'
import { defaultModelFolder } from '../files/default-model.ts'
import { resolveModel } from '../files/hub.ts'
import { type ModelFiles, openModelFiles } from '../files/model-folder.ts'
import { checkWeightIndex, readTensors } from '../files/weight-files.ts'
import { graphJson as graphText } from '../graph/json.ts'
import { type RecordedModel, recordInSlices } from '../models/registry.ts'
import {
  type ExecutorOptions,
  native,
  nativeCall,
  packageRoot,
  type TensorInfo,
  type WeightStore,
} from '../native.ts'
import { invalid } from '../sampling/check.ts'
import { inSlices } from '../slices.ts'
import { freeMemory } from './device.ts'
import type { CheckedLoadOptions } from './load-options.ts'
import { planMemory, type SizedPlan, storedFormat, weightBytes } from './memory-plan.ts'

export interface OpenModel {
  folder: ModelFiles
  store: WeightStore
  tensors: TensorInfo[]
  recorded: RecordedModel
  graphJson: string
  /** Format of most matrices in memory: what 'auto' came to. */
  weights: string
  plan: SizedPlan
  availableBytes: number
  executorOptions: ExecutorOptions
}

/**
 * Reads headers, records the graph and plans the memory. The caller closes `store`.
 * `source` undefined: the embedded default model.
 */
export async function openModel(
  source: string | undefined,
  options: CheckedLoadOptions,
): Promise<OpenModel> {
  const { signal } = options
  const folder = await openModelFiles(await locate(source, options))
  throwIfAborted(signal)
  const store = await nativeCall(() => native().openWeights(folder.weightFiles))
  try {
    const tensors = await readTensors(store)
    await inSlices(checkWeightIndex(folder, tensors))
    const recorded = await inSlices(recordInSlices(folder.config, tensors, folder.layout))
    const planned = await planModel(folder.config, recorded, options)
    throwIfAborted(signal)
    return { folder, store, tensors, recorded, ...planned }
  } catch (error) {
    store.close()
    throw error
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new ConclaveError('aborted', 'The load was stopped by its signal.', {}, { cause: signal })
}

async function locate(source: unknown, options: CheckedLoadOptions): Promise<string> {
  if (source === undefined) return defaultModelFolder(packageRoot())
  if (typeof source !== 'string' || source === '')
    throw invalid('the model', 'a folder, a file or a hub id', source)
  return resolveModel(source, options)
}

async function planModel(
  config: ModelConfig,
  { graph, tensors }: RecordedModel,
  options: CheckedLoadOptions,
) {
  const weights = options.weights === 'auto' ? storedFormat(graph, tensors) : options.weights
  const kvCache =
    options.kvCache === 'auto' ? (weights === 'f32' ? 'f32' : 'bf16') : options.kvCache
  const { threads, pageSize, maxBatchTokens, validate, deterministic } = options
  const { device } = options.device
  const maxSequences = Math.min(options.maxSequences, maxBatchTokens)
  const sizes = { threads, pageSize, maxBatchTokens, maxSequences, numPages: 1 }
  const executorOptions: ExecutorOptions = {
    device,
    weights: options.weights,
    kvCache,
    validate,
    deterministic,
    ...sizes,
  }
  const graphJson = await inSlices(graphText(graph))
  const graphPlan = await nativeCall(() => native().planGraph(graphJson, executorOptions))
  const availableBytes = await freeMemory(device)
  const plan = planMemory({
    weightBytes: weightBytes(graph, tensors, options.weights, device),
    ...graphPlan,
    pageSize,
    modelContext: modelContext(config),
    maxContext: options.maxContext,
    kvPages: options.kvPages,
    availableBytes,
  })
  executorOptions.numPages = plan.numPages
  return { graphJson, weights, plan, availableBytes, executorOptions }
}

/** YaRN and the like stretch the length that the model was trained on. */
function modelContext({ maxPositionEmbeddings, rope }: ModelConfig): number {
  const scaling = rope.scaling
  const stretched =
    scaling !== null && 'originalMaxPositionEmbeddings' in scaling
      ? Math.floor(scaling.originalMaxPositionEmbeddings * scaling.factor)
      : 0
  return Math.max(maxPositionEmbeddings, stretched)
}
