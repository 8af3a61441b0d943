/**
 * Sampling parameters as the native sampler takes them.
 * @module
 */
import type { Grammar, NativeSamplingParams } from '../native.ts'
import type { SamplingParams } from './params.ts'

/** `vocabLimit`: ids from here on are masked. End ids are banned until `minTokens` are out. */
export function toNative(
  params: SamplingParams,
  vocabLimit: number,
  grammar: Grammar | null = null,
): NativeSamplingParams {
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
    biasIds: Int32Array.from(params.logitBias.keys()),
    biasValues: Float32Array.from(params.logitBias.values()),
    maxTokens: params.maxTokens,
    grammar,
  }
}
