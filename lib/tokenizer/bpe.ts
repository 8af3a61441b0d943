/**
 * Byte-pair encoding of one pre-token: n log n in its length, whatever the text.
 * Sennrich et al. 2016, arXiv:1508.07909.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { byteChars } from './byte-level.ts'
import { MergeQueue, positionOf, rankOf } from './merge-queue.ts'
import { MergeTable } from './merge-table.ts'
import { invalidFile, type Merges } from './tokenizer-file.ts'

/** Longest pre-token in symbols: a queue key has 28 bits for the position. */
const maxSymbols = 2 ** 27
/** Scratch of a longer pre-token than this is given back at once. */
const maxKeptSymbols = 2 ** 16
/** Words are cached up to this length; longer ones rarely come back. */
const maxCachedLength = 64
const maxCachedWords = 20_000

export interface BpeOptions {
  /** Token text → id, added tokens left out. */
  vocab: ReadonlyMap<string, number>
  merges: Merges
  /** Ids that plain text may never become: their merges are left out. */
  reserved: ReadonlySet<number>
  byteLevel: boolean
  byteFallback: boolean
  /** A pre-token that is in the vocabulary stays whole. */
  ignoreMerges: boolean
  unkId: number | null
  fuseUnk: boolean
}

export class BpeModel {
  readonly #options: BpeOptions
  readonly #table: MergeTable
  readonly #mergedIds: Int32Array
  /** Byte → id (byte-level and byte fallback), −1 where the vocabulary lacks it. */
  readonly #byteIds: Int32Array
  #queue = new MergeQueue()
  readonly #encoder = new TextEncoder()
  #cache = new Map<string, readonly number[]>()
  #ids = new Int32Array(64)
  #next = new Int32Array(64)
  #previous = new Int32Array(64)

  constructor(options: BpeOptions) {
    const { vocab, merges, reserved, byteLevel, byteFallback } = options
    this.#options = options
    this.#table = new MergeTable(merges.left.length)
    this.#mergedIds = merges.merged
    merges.merged.forEach((merged, rank) => {
      if (reserved.has(merged)) return
      const isNew = this.#table.add(merges.left[rank]!, merges.right[rank]!, rank)
      if (!isNew) throw invalidFile(`merge ${rank} repeats an earlier one`, { merge: rank })
    })
    const spelling = byteLevel || !byteFallback ? (byte: number) => byteChars[byte]! : fallbackToken
    this.#byteIds = Int32Array.from({ length: 256 }, (_, byte) => vocab.get(spelling(byte)) ?? -1)
  }

  /** Appends the ids of one pre-token to `out`. */
  encode(out: number[], word: string): void {
    const cached = this.#cache.get(word)
    if (cached !== undefined) {
      for (const id of cached) out.push(id)
      return
    }
    const start = out.length
    this.#encodeUncached(out, word)
    if (word.length > maxCachedLength) return
    if (this.#cache.size >= maxCachedWords) this.#cache = new Map()
    this.#cache.set(word, out.slice(start))
  }

  #encodeUncached(out: number[], word: string): void {
    if (this.#options.ignoreMerges) {
      const whole = this.#wholeWord(word)
      if (whole !== undefined) {
        out.push(whole)
        return
      }
    }
    const count = this.#options.byteLevel ? this.#byteSymbols(word) : this.#charSymbols(word)
    this.#merge(count)
    const ids = this.#ids
    for (let i = 0; i < count; i = this.#next[i]!) out.push(ids[i]!)
    if (count > maxKeptSymbols) this.#release()
  }

  #release(): void {
    this.#ids = new Int32Array(64)
    this.#next = new Int32Array(64)
    this.#previous = new Int32Array(64)
    this.#queue = new MergeQueue()
  }

  #wholeWord(word: string): number | undefined {
    const { byteLevel, vocab, reserved } = this.#options
    let token = word
    if (byteLevel) {
      token = ''
      for (const byte of this.#encoder.encode(word)) token += byteChars[byte]
    }
    const id = vocab.get(token)
    return id === undefined || reserved.has(id) ? undefined : id
  }

  #byteSymbols(word: string): number {
    const bytes = this.#encoder.encode(word)
    this.#reserve(bytes.length)
    let count = 0
    for (const byte of bytes) count = this.#addSymbol(count, this.#byteIds[byte]!)
    return count
  }

  #charSymbols(word: string): number {
    const { vocab, byteFallback, reserved } = this.#options
    this.#reserve(byteFallback ? word.length * 3 : word.length)
    let count = 0
    for (const char of word) {
      const id = vocab.get(char)
      if (id !== undefined && !reserved.has(id)) {
        count = this.#addSymbol(count, id)
        continue
      }
      const bytes = byteFallback ? this.#encoder.encode(char) : []
      const known = bytes.length > 0 && bytes.every(byte => this.#byteIds[byte]! >= 0)
      if (!known) count = this.#addSymbol(count, -1)
      else for (const byte of bytes) count = this.#addSymbol(count, this.#byteIds[byte]!)
    }
    return count
  }

  /** `id` −1 is an unknown symbol: the unknown token where there is one, else nothing. */
  #addSymbol(count: number, id: number): number {
    const { unkId, fuseUnk } = this.#options
    if (id < 0) {
      if (unkId === null || (fuseUnk && count > 0 && this.#ids[count - 1] === unkId)) return count
      this.#ids[count] = unkId
    } else {
      this.#ids[count] = id
    }
    return count + 1
  }

  /** Merges symbols 0 … count−1 in place; `next` then chains the ones that are left. */
  #merge(count: number): void {
    const ids = this.#ids
    const next = this.#next
    const previous = this.#previous
    for (let i = 0; i < count; i++) {
      next[i] = i + 1
      previous[i] = i - 1
    }
    for (let i = 0; i + 1 < count; i++) this.#propose(i, i + 1)
    while (this.#queue.size > 0) {
      const key = this.#queue.pop()
      const left = positionOf(key)
      const right = next[left]!
      if (ids[left]! < 0 || right >= count) continue
      const merged = this.#mergedIds[rankOf(key)]!
      // The pair may have changed since it was proposed.
      const rank = this.#table.rank(ids[left]!, ids[right]!)
      if (rank < 0 || this.#mergedIds[rank] !== merged) continue
      ids[left] = merged
      ids[right] = -1
      const after = next[right]!
      next[left] = after
      if (previous[left]! >= 0) this.#propose(previous[left]!, left)
      if (after < count) {
        previous[after] = left
        this.#propose(left, after)
      }
    }
  }

  #propose(left: number, right: number): void {
    const rank = this.#table.rank(this.#ids[left]!, this.#ids[right]!)
    if (rank >= 0) this.#queue.push(rank, left)
  }

  #reserve(count: number): void {
    if (count > maxSymbols) {
      throw new ConclaveError(
        'invalid_request',
        `Expected text whose longest word has at most ${maxSymbols} bytes, but one has ${count}. ` +
          'Split the text.',
      )
    }
    if (count <= this.#ids.length) return
    const size = 2 ** Math.ceil(Math.log2(count))
    this.#ids = new Int32Array(size)
    this.#next = new Int32Array(size)
    this.#previous = new Int32Array(size)
  }
}

/** SentencePiece's spelling of a raw byte. */
export function fallbackToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}
