/**
 * Token counts as OpenAI writes them.
 * @module
 */
import type { ReplyUsage } from './reply.ts'

export function usageObject(usage: ReplyUsage) {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  }
}
