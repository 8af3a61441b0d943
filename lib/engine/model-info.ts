/**
 * What `model.info` says.
 * @module
 */
import type { ExecutorInfo } from '../native.ts'
import type { OpenModel } from './open.ts'

export interface ModelInfo {
  /** `model_type` of config.json. */
  architecture: string
  parametersTotal: number
  /** Parameters that one token touches. */
  parametersActive: number
  /** Format of most matrices in memory: 'f32', 'f16', 'bf16' or 'int8'. */
  weights: string
  weightBytes: number
  kvCache: string
  /** 'cpu', 'cuda', or 'cuda (simt)': the CUDA kernels under the host harness. */
  device: 'cpu' | 'cuda' | 'cuda (simt)'
  /** Why that device. */
  deviceReason: string
  /** Kernel set that this processor got, such as 'avx2'. */
  kernels: string
  threads: number
  /** Most tokens of a prompt and its answer together. */
  maxContext: number
  vocabSize: number
  layers: number
  /** 0 in dense models. */
  experts: number
  expertsPerToken: number
}

export function describeModel(
  open: OpenModel,
  executor: ExecutorInfo,
  deviceReason: string,
): Readonly<ModelInfo> {
  const { config } = open.folder
  return Object.freeze({
    architecture: config.modelType,
    parametersTotal: open.recorded.parametersTotal,
    parametersActive: open.recorded.parametersActive,
    weights: open.weights,
    weightBytes: executor.weightBytes,
    kvCache: open.executorOptions.kvCache,
    device: executor.device,
    deviceReason,
    kernels: executor.kernels,
    threads: executor.threads,
    maxContext: open.plan.maxContext,
    vocabSize: config.vocabSize,
    layers: config.numHiddenLayers,
    experts: config.moe?.numExperts ?? 0,
    expertsPerToken: config.moe?.numExpertsPerTok ?? 0,
  })
}
