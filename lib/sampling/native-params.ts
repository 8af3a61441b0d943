/**
 * Sampling parameters as the native sampler takes them.
 * @module
 */
import type { Grammar, NativeSamplingParams } from '../native.ts'
import type { SamplingParams } from './params.ts'

const noIds = new Int32Array(0)
const noValues = new Float32Array(0)

/** `vocabLimit`: ids from here on are masked. End ids are banned until `minTokens` are out. */
export function toNative(
  params: SamplingParams,
  vocabLimit: number,
  grammar: Grammar | null = null,
): NativeSamplingParams {
  const hasBias = params.logitBias.size > 0
  return {
    temperature: params.temperature,
    topK: params.topK,
    topP: params.topP,
    minP: params.minP,
    repetitionPenalty: params.repetitionPenalty,
    presencePenalty: params.presencePenalty,
    frequencyPenalty: params.frequencyPenalty,
    seed: params.seed,
    logprobs: params.logprobs,
    vocabLimit,
    minTokens: params.minTokens,
    bannedUntilMin: Int32Array.from(params.endTokenIds),
    biasIds: hasBias ? Int32Array.from(params.logitBias.keys()) : noIds,
    biasValues: hasBias ? Float32Array.from(params.logitBias.values()) : noValues,
    maxTokens: params.maxTokens,
    grammar,
  }
}
