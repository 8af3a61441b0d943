/**
 * Log-probabilities as OpenAI's completions write them: four lists side by side.
 * @module
 */
import type { ModelTokenizer } from '../../chat/model-tokenizer.ts'
import { finite } from './logprobs.ts'

interface Ranked {
  tokenId: number
  logprob: number
}

/** A sampled token or one of the prompt's; null where nothing stood before it. */
export type ScoredToken = (Ranked & { top: readonly Ranked[] }) | null

export interface TextLogprobs {
  tokens: string[]
  token_logprobs: (number | null)[]
  top_logprobs: (Record<string, number> | null)[] | null
  text_offset: number[]
}

/** Writes token after token; offsets are in UTF-16 units of the text so far. */
export class TextLogprobWriter {
  readonly #tokenizer: ModelTokenizer
  readonly #top: number
  #offset: number

  /** `top` 0: no alternatives. */
  constructor(tokenizer: ModelTokenizer, top: number, offset = 0) {
    this.#tokenizer = tokenizer
    this.#top = top
    this.#offset = offset
  }

  write(ids: readonly number[], scored: readonly ScoredToken[]): TextLogprobs {
    const out: TextLogprobs = {
      tokens: [],
      token_logprobs: [],
      top_logprobs: this.#top > 0 ? [] : null,
      text_offset: [],
    }
    for (const [i, id] of ids.entries()) {
      const token = this.#text(id)
      out.tokens.push(token)
      out.text_offset.push(this.#offset)
      this.#offset += token.length
      const one = scored[i] ?? null
      out.token_logprobs.push(one === null ? null : finite(one.logprob))
      out.top_logprobs?.push(one === null ? null : this.#alternatives(one))
    }
    return out
  }

  /** The token itself is among them, wherever it ranks. */
  #alternatives({ tokenId, logprob, top }: NonNullable<ScoredToken>): Record<string, number> {
    const found = Object.create(null) as Record<string, number>
    for (const one of top.slice(0, this.#top))
      found[this.#text(one.tokenId)] ??= finite(one.logprob)
    found[this.#text(tokenId)] ??= finite(logprob)
    return found
  }

  #text(id: number): string {
    return this.#tokenizer.decode([id], { skipSpecialTokens: false })
  }
}

export function joinLogprobs(parts: readonly TextLogprobs[]): TextLogprobs {
  return {
    tokens: parts.flatMap(part => part.tokens),
    token_logprobs: parts.flatMap(part => part.token_logprobs),
    top_logprobs: parts[0]?.top_logprobs ? parts.flatMap(part => part.top_logprobs ?? []) : null,
    text_offset: parts.flatMap(part => part.text_offset),
  }
}
