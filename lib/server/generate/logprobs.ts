/**
 * Log-probabilities as OpenAI's chat writes them.
 * @module
 */

import type { ModelTokenizer } from '../../chat/model-tokenizer.ts'
import type { ChosenLogprob, TokenLogprob } from '../../engine/answer.ts'

export function chatLogprobs(tokenizer: ModelTokenizer, logprobs: readonly ChosenLogprob[]) {
  const written = ({ tokenId, text, logprob }: TokenLogprob) => ({
    token: text,
    logprob: finite(logprob),
    bytes: [...tokenizer.tokenizer.tokenBytes(tokenId)],
  })
  const content = logprobs.map(one => ({ ...written(one), top_logprobs: one.top.map(written) }))
  return { content, refusal: null }
}

/** JSON has no −∞; OpenAI writes −9999. */
export function finite(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : -9999
}
