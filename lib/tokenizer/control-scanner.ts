/**
 * Finds control tokens in text: at each place the longest one, left to right.
 * @module
 */
import type { Slices } from '../slices.ts'
import { PairTable } from './pair-table.ts'
import { type AddedToken, entriesPerSlice } from './tokenizer-file.ts'

/** UTF-16 offsets [start, end) of text that a caller filled in, flat and ascending. */
export type Spans = readonly number[]

export interface ControlMatch {
  token: AddedToken
  start: number
  end: number
}

/** Characters that are looked at between two pauses: a few milliseconds. */
const stepsPerSlice = 1 << 16

const wordBefore = /[\p{L}\p{M}\p{N}_]$/u
const wordAfter = /^[\p{L}\p{M}\p{N}_]/u

/** A tree in two tables: a file may name two million nodes, too many to be objects. */
export class ControlScanner {
  /** (node, character) → node; 0 is the root. */
  readonly #next: PairTable
  #nodes = 1
  /** Node → the token that ends there. */
  readonly #ends = new Map<number, AddedToken>()
  /** Characters looked at since the last pause. */
  #steps = 0

  /** Yields now and then. */
  static *build(tokens: readonly AddedToken[]): Slices<ControlScanner> {
    const scanner = new ControlScanner(tokens.reduce((sum, { content }) => sum + content.length, 0))
    for (const [i, token] of tokens.entries()) {
      scanner.#add(token)
      if (scanner.#rests() || i % entriesPerSlice === 0) yield
    }
    return scanner
  }

  private constructor(characters: number) {
    this.#next = new PairTable(characters)
  }

  #add(token: AddedToken): void {
    let node = 0
    for (let i = 0; i < token.content.length; i++) {
      const unit = token.content.charCodeAt(i)
      if (this.#next.add(node, unit, this.#nodes)) node = this.#nodes++
      else node = this.#next.get(node, unit)
    }
    this.#ends.set(node, token)
    this.#steps += token.content.length
  }

  #rests(): boolean {
    if (this.#steps < stepsPerSlice) return false
    this.#steps = 0
    return true
  }

  /**
   * Matches that lie wholly outside `caller`, the text that is never a control token; null is a
   * pause. White space that a token swallows is part of its match.
   */
  *scan(text: string, caller: Spans): Generator<ControlMatch | null> {
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
      if (this.#rests()) yield null
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
    let node = 0
    for (let i = start; i < limit; i++) {
      this.#steps++
      node = this.#next.get(node, text.charCodeAt(i))
      if (node < 0) break
      const token = this.#ends.get(node)
      if (token !== undefined && (!token.singleWord || standsAlone(text, start, i + 1)))
        found = token
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
