/**
 * How well a model foretells a text, and how far it is from another setting of the same model.
 * @module
 */
import type { Model } from '../engine/model.ts'
import { ConclaveError } from '../errors.ts'
import { Scores } from './score.ts'

export interface EvaluateOptions {
  /** Ids in a window; windows do not overlap. */
  context: number
  /** The same model in another setting; null: nothing to compare with. */
  reference: Model | null
  signal?: AbortSignal
  /** Hears of each window when it is scored. */
  onWindow?: (window: WindowScore) => void
  onProgress?: (progress: { doneTokens: number; totalTokens: number; perplexity: number }) => void
}

export interface Evaluation {
  perplexity: number
  /** Ids that were scored. */
  tokens: number
  /** The rest is absent without a reference. */
  referencePerplexity?: number
  /** Mean KL(reference ‖ tested) in nats. */
  klMean?: number
  /** Share of positions with the same best token, 0 … 1. */
  top1Agreement?: number
  maxLogitError?: number
}

/** One window of the text. */
export type WindowScore = Omit<Evaluation, 'maxLogitError'>

/**
 * Cuts `ids` into windows and scores every id of a window but its first; a last window of one id is
 * left out. Logits of one window are held at a time.
 * Throws `invalid_request` where there is nothing to score, `aborted`, and what `model.logits` throws.
 * @example
 * const ids = model.tokenizer.encode(text)
 * const { perplexity } = await evaluate(model, ids, { context: 512, reference: null })
 */
export async function evaluate(
  model: Model,
  ids: ArrayLike<number>,
  { context, reference, signal, onWindow, onProgress }: EvaluateOptions,
): Promise<Evaluation> {
  const all = Uint32Array.from(ids)
  if (context < 2 || all.length < 2)
    throw new ConclaveError(
      'invalid_request',
      `Expected a text and windows of at least 2 tokens, but the text has ${all.length} and a ` +
        `window ${context}.`,
    )
  const scores = new Scores(model.info.vocabSize)
  for (let start = 0; start + 1 < all.length; start += context) {
    if (signal?.aborted) throw new ConclaveError('aborted', 'The evaluation was stopped.')
    const window = all.subarray(start, start + context)
    const logits = await model.logits(window)
    const own = new Scores(model.info.vocabSize)
    own.add(window, logits, reference === null ? null : await reference.logits(window))
    scores.merge(own)
    onWindow?.(asEvaluation(own, reference !== null))
    const doneTokens = start + window.length
    onProgress?.({ doneTokens, totalTokens: all.length, perplexity: scores.perplexity })
  }
  return asEvaluation(scores, reference !== null)
}

function asEvaluation(scores: Scores, compared: boolean): Evaluation {
  const { perplexity, tokens } = scores
  if (!compared) return { perplexity, tokens }
  const { referencePerplexity, klMean, top1Agreement, maxLogitError } = scores
  return { perplexity, tokens, referencePerplexity, klMean, top1Agreement, maxLogitError }
}
