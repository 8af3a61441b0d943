/**
 * Finds control tokens in text: at each place the longest one, left to right.
 * @module
 */
import type { AddedToken } from './tokenizer-file.ts'

/** UTF-16 offsets [start, end) of text that a caller filled in, flat and ascending. */
export type Spans = readonly number[]

export interface ControlMatch {
  token: AddedToken
  start: number
  end: number
}

interface Node {
  next: Map<number, Node>
  token: AddedToken | null
}

const wordBefore = /[\p{L}\p{M}\p{N}_]$/u
const wordAfter = /^[\p{L}\p{M}\p{N}_]/u

export class ControlScanner {
  readonly #root: Node = { next: new Map(), token: null }

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens) {
      let node = this.#root
      for (let i = 0; i < token.content.length; i++) {
        const unit = token.content.charCodeAt(i)
        let child = node.next.get(unit)
        if (child === undefined) {
          child = { next: new Map(), token: null }
          node.next.set(unit, child)
        }
        node = child
      }
      node.token = token
    }
  }

  /**
   * Matches that lie wholly outside `caller`, the text that is never a control token.
   * White space that a token swallows is part of its match.
   */
  *scan(text: string, caller: Spans): Generator<ControlMatch> {
    let done = 0
    let span = 0
    for (let start = 0; start < text.length; start++) {
      while (span < caller.length && caller[span + 1]! <= start) span += 2
      const limit = span < caller.length ? caller[span]! : text.length
      if (start >= limit) {
        start = caller[span + 1]! - 1
        continue
      }
      const token = this.#longest(text, start, limit)
      if (token === null) continue
      let from = start
      let end = start + token.content.length
      if (token.lstrip) while (from > done && isSpace(text, from - 1)) from--
      if (token.rstrip) while (end < text.length && isSpace(text, end)) end++
      yield { token, start: from, end }
      done = end
      start = end - 1
    }
  }

  #longest(text: string, start: number, limit: number): AddedToken | null {
    let found: AddedToken | null = null
    let node = this.#root
    for (let i = start; i < limit; i++) {
      const child = node.next.get(text.charCodeAt(i))
      if (child === undefined) break
      node = child
      const token = node.token
      if (token !== null && (!token.singleWord || standsAlone(text, start, i + 1))) found = token
    }
    return found
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 2), start)
  return !wordBefore.test(before) && !wordAfter.test(text.slice(end, end + 2))
}

function isSpace(text: string, at: number): boolean {
  return /\p{White_Space}/u.test(text[at]!)
}
