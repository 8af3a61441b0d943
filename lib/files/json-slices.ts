/**
 * JSON.parse a piece at a time: what a large file holds, without keeping the event loop for all of
 * it.
 * @module
 */
import type { Slices } from '../slices.ts'

/** Characters that JSON.parse takes at once: a few milliseconds. */
const pieceLength = 1 << 17
/** Members of an object longer than a piece: who lists them does so in one go. */
export const maxMembers = 300_000
/** Containers longer than a piece that may lie in each other; model files have three. */
const maxDepth = 16

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c]
// Brackets and braces differ in this bit alone.
const [brace, opening, closing] = [0x20, 0x7b, 0x7d]
const [openings, closings, blanks] = ['[{', ']}', ' \t\n\r']

type Container = unknown[] | Record<string, unknown>

/**
 * The value that `JSON.parse(text)` gives.
 * @throws SyntaxError where `JSON.parse` does, with "position N" in its message where that is
 * known, and for more than 16 containers of over 128 Ki characters in each other.
 * @throws RangeError for an object of over 128 Ki characters with more than `maxMembers` members.
 */
export function parseJson(text: string, piece = pieceLength): Slices<unknown> {
  return new PieceParser(text, piece).value(0, text.length, 0)
}

class PieceParser {
  readonly #text: string
  readonly #piece: number

  constructor(text: string, piece: number) {
    this.#text = text
    this.#piece = piece
  }

  /** The value whose text is [from, to). */
  *value(from: number, to: number, depth: number): Slices<unknown> {
    const start = this.#afterBlanks(from, to)
    let end = to
    while (end > start && blanks.includes(this.#text[end - 1]!)) end--
    const kind = end - start > this.#piece ? openings.indexOf(this.#text[start]!) : -1
    if (kind < 0) return this.#parse('', start, end, '')
    if (this.#text[end - 1] !== closings[kind]) throw malformed(end)
    if (depth === maxDepth) throw malformed(start)
    const all: Container = kind === 0 ? [] : {}
    if (this.#afterBlanks(start + 1, end - 1) < end - 1)
      yield* this.#fill(all, start + 1, end - 1, depth)
    return all
  }

  /** Adds the elements between `from` and `to`: long ones alone, the others by the piece. */
  *#fill(all: Container, from: number, to: number, depth: number): Slices<void> {
    let first = from
    let element = from
    let members = 0
    for (const end of this.#elementEnds(from, to)) {
      if (end === null) {
        yield
        continue
      }
      if (++members > maxMembers && !Array.isArray(all)) throw tooManyMembers(end)
      if (end - element > this.#piece) {
        if (first < element) this.#addPiece(all, first, element - 1)
        yield* this.#addLong(all, element, end, depth)
      } else if (end === to || end - first > this.#piece) {
        this.#addPiece(all, first, end)
      } else {
        element = end + 1
        continue
      }
      first = element = end + 1
    }
  }

  /** Where each element ends, at a comma or at `to`; null is a pause. */
  *#elementEnds(from: number, to: number): Generator<number | null> {
    let depth = 0
    let rested = from
    for (let at = from; at < to; at++) {
      const unit = this.#text.charCodeAt(at)
      if (unit === quote) at = this.#stringEnd(at, to)
      else if (unit === comma && depth === 0) yield at
      else if ((unit | brace) === opening) depth++
      else if ((unit | brace) === closing && depth-- === 0) throw malformed(at)
      if (at - rested < this.#piece) continue
      rested = at
      yield null
    }
    if (depth > 0) throw malformed(to)
    yield to
  }

  /** The quote that closes the text which begins at `start`. */
  #stringEnd(start: number, to: number): number {
    for (let end = this.#text.indexOf('"', start + 1); ; end = this.#text.indexOf('"', end + 1)) {
      if (end < 0 || end >= to) throw malformed(to)
      let escapes = 0
      while (this.#text.charCodeAt(end - 1 - escapes) === backslash) escapes++
      if (escapes % 2 === 0) return end
    }
  }

  #addPiece(all: Container, from: number, to: number): void {
    if (this.#afterBlanks(from, to) === to) throw malformed(to) // a comma and no element
    if (Array.isArray(all)) {
      for (const item of this.#parse('[', from, to, ']') as unknown[]) all.push(item)
    } else {
      const part = this.#parse('{', from, to, '}') as Record<string, unknown>
      for (const key of Object.keys(part)) put(all, key, part[key])
    }
  }

  *#addLong(all: Container, from: number, to: number, depth: number): Slices<void> {
    if (Array.isArray(all)) {
      all.push(yield* this.value(from, to, depth + 1))
      return
    }
    const start = this.#afterBlanks(from, to)
    if (this.#text.charCodeAt(start) !== quote) throw malformed(start)
    const end = this.#stringEnd(start, to) + 1
    const key = this.#parse('', start, end, '') as string
    const colon = this.#afterBlanks(end, to)
    if (this.#text[colon] !== ':') throw malformed(colon)
    put(all, key, yield* this.value(colon + 1, to, depth + 1))
  }

  #afterBlanks(from: number, to: number): number {
    let at = from
    while (at < to && blanks.includes(this.#text[at]!)) at++
    return at
  }

  #parse(before: string, from: number, to: number, after: string): unknown {
    try {
      return JSON.parse(before + this.#text.slice(from, to) + after)
    } catch (error) {
      const at = /position (\d+)/.exec(String(error))?.[1]
      throw at === undefined ? error : malformed(from + Number(at) - before.length)
    }
  }
}

/** As JSON.parse does: `__proto__` is a key like any other. */
function put(all: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') all[key] = value
  else
    Object.defineProperty(all, key, { value, enumerable: true, writable: true, configurable: true })
}

function tooManyMembers(at: number): RangeError {
  return new RangeError(`Expected at most ${maxMembers} members in an object at position ${at}`)
}

function malformed(at: number): SyntaxError {
  return new SyntaxError(`Expected JSON, but it is malformed at position ${at}`)
}
