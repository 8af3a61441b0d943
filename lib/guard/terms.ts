/**
 * Users' terms: Aho–Corasick over folded characters, one step a character.
 * @module
 */
import { ALNUM, classOf, foldOf, INVISIBLE, lowerOf, OTHER_LETTER, SPACE } from './characters.ts'
import type { Found, Tracker } from './scanner.ts'

const mostLength = 200
/** Power of two above the longest term: where its characters stood. */
const ringSize = 256

const isWordUnit = (unit: number): boolean => (classOf(unit) & (ALNUM | OTHER_LETTER)) !== 0

/** -1 for what is not seen; blanks are one space; letters in lower case. */
function symbolOf(unit: number): number {
  const bits = classOf(unit)
  if (bits & INVISIBLE) return -1
  if (bits & SPACE) return 32
  return bits & OTHER_LETTER
    ? String.fromCharCode(unit).toLowerCase().charCodeAt(0)
    : lowerOf(foldOf(unit))
}

/** The symbols of a term, without blanks at its ends and with one for several. */
function symbolsOf(term: string): number[] {
  const out: number[] = []
  for (let i = 0; i < term.length; i++) {
    const symbol = symbolOf(term.charCodeAt(i))
    if (symbol < 0 || (symbol === 32 && (out.length === 0 || out.at(-1) === 32))) continue
    out.push(symbol)
  }
  if (out.at(-1) === 32) out.pop()
  return out.slice(0, mostLength)
}

/** All terms of a guard in one automaton; shared by every text. */
export class TermIndex {
  /** node · 65536 + symbol → node. */
  readonly #children = new Map<number, number>()
  readonly depth: number[] = [0]
  readonly fail: number[] = [0]
  /** The nearest node on the chain of failures, itself included, at which a term ends; or 0. */
  readonly output: number[] = [0]
  /** Bit 1: the term starts with a letter or digit; bit 2: it ends with one. */
  readonly edges: number[] = [0]

  constructor(terms: readonly string[]) {
    const order: [number, number, number][] = []
    for (const term of terms) this.#add(symbolsOf(term), order)
    order.sort((a, b) => this.depth[a[0]]! - this.depth[b[0]]!)
    for (const [parent, symbol, node] of order) {
      const fail = parent === 0 ? 0 : this.next(this.fail[parent]!, symbol)
      this.fail[node] = fail
      if (this.output[node] === 0) this.output[node] = this.output[fail]!
    }
  }

  #add(symbols: number[], order: [number, number, number][]): void {
    if (symbols.length === 0) return
    let node = 0
    for (const symbol of symbols) {
      const key = node * 65536 + symbol
      let child = this.#children.get(key)
      if (child === undefined) {
        child = this.depth.length
        this.#children.set(key, child)
        this.depth.push(this.depth[node]! + 1)
        this.fail.push(0)
        this.output.push(0)
        this.edges.push(0)
        order.push([node, symbol, child])
      }
      node = child
    }
    this.output[node] = node
    this.edges[node] = (isWordUnit(symbols[0]!) ? 1 : 0) | (isWordUnit(symbols.at(-1)!) ? 2 : 0)
  }

  /** The node after `symbol`. */
  next(from: number, symbol: number): number {
    let node = from
    for (;;) {
      const child = this.#children.get(node * 65536 + symbol)
      if (child !== undefined) return child
      if (node === 0) return 0
      node = this.fail[node]!
    }
  }

  /** A reader of one text. */
  tracker(): Tracker {
    return new TermTracker(this)
  }
}

class TermTracker implements Tracker {
  readonly #index: TermIndex
  readonly #starts = new Float64Array(ringSize)
  /** True where a letter or digit stood before the symbol. */
  readonly #inWord = new Uint8Array(ringSize)
  #count = 0
  #node = 0
  #last = 0
  #before = 0
  /** A term may have ended at this offset: the next character decides. */
  #pendingEnd = -1
  #offset = 0

  constructor(index: TermIndex) {
    this.#index = index
  }

  read(text: string, from: number, base: number, final: boolean, found: Found[]): void {
    for (let i = from; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      const symbol = symbolOf(unit)
      if (symbol < 0) continue
      if (this.#pendingEnd >= 0) this.#decide(isWordUnit(unit), found)
      if (symbol === 32 && this.#last === 32) continue
      this.#step(symbol, unit, base + i)
    }
    this.#offset = base + text.length
    if (final && this.#pendingEnd >= 0) this.#decide(false, found)
    if (final) this.#node = 0
  }

  #step(symbol: number, unit: number, offset: number): void {
    const slot = this.#count++ & (ringSize - 1)
    this.#starts[slot] = offset
    this.#inWord[slot] = isWordUnit(this.#before) ? 1 : 0
    this.#node = this.#index.next(this.#node, symbol)
    this.#last = symbol
    this.#before = unit
    if (this.#index.output[this.#node] !== 0) this.#pendingEnd = offset + 1
  }

  #slot(length: number): number {
    return (this.#count - length) & (ringSize - 1)
  }

  /** Takes the longest term that ends here on the edges of words. */
  #decide(wordFollows: boolean, found: Found[]): void {
    const { output, edges, depth, fail } = this.#index
    const end = this.#pendingEnd
    this.#pendingEnd = -1
    for (let node = output[this.#node]!; node !== 0; node = output[fail[node]!]!) {
      const slot = this.#slot(depth[node]!)
      if (edges[node]! & 2 && wordFollows) continue
      if (edges[node]! & 1 && this.#inWord[slot] === 1) continue
      found.push({ category: 'term', rule: 'term', start: this.#starts[slot]!, end, score: 1 })
      return
    }
  }

  hold(): number {
    const depth = this.#index.depth[this.#node]!
    return depth === 0 ? this.#offset : this.#starts[this.#slot(depth)]!
  }
}
