/**
 * Byte-pair encoding of one pre-token: n log n in its length, whatever the text.
 * Sennrich et al. 2016, arXiv:1508.07909.
 * @module
 */
import type { Slices } from '../slices.ts'
import { byteChars } from './byte-level.ts'
import { PairTable } from './pair-table.ts'
import { Symbols } from './symbols.ts'
import { entriesPerSlice, invalidFile, type Merges } from './tokenizer-file.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Pairs of a long pre-token that are merged at a time: a few milliseconds. */
const pairsPerSlice = 1 << 13
/** Longer words take memory of their own, given back at once. */
const maxKept = 1 << 15
/** Words are cached up to this length; longer ones rarely come back. */
const maxCachedLength = 64
const maxCachedWords = 20_000

export interface BpeOptions {
  /** Added tokens left out. */
  vocab: Vocabulary
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
  readonly #table: PairTable
  readonly #mergedIds: Int32Array
  /** Byte → id (byte-level and byte fallback), −1 where the vocabulary lacks it. */
  readonly #byteIds: Int32Array
  readonly #encoder = new TextEncoder()
  readonly #symbols: Symbols
  #cache = new Map<string, readonly number[]>()

  /** Throws `invalid_file` where a merge repeats an earlier one. */
  static *build(options: BpeOptions): Slices<BpeModel> {
    return new BpeModel(options, yield* mergeTable(options))
  }

  private constructor(options: BpeOptions, table: PairTable) {
    const { vocab, merges, byteLevel, byteFallback } = options
    this.#options = options
    this.#table = table
    this.#mergedIds = merges.merged
    this.#symbols = new Symbols(this.#table, this.#mergedIds)
    const spelling = byteLevel || !byteFallback ? (byte: number) => byteChars[byte]! : fallbackToken
    this.#byteIds = Int32Array.from({ length: 256 }, (_, byte) => vocab.get(spelling(byte)) ?? -1)
  }

  /** Appends the ids of one pre-token to `out`. */
  encode(out: number[], word: string): void {
    if (word.length > maxCachedLength) {
      const slices = this.encodeInSlices(
        out,
        word,
        word.length > maxKept ? undefined : this.#symbols,
      )
      while (!slices.next().done);
      return
    }
    const cached = this.#cache.get(word)
    if (cached !== undefined) {
      for (const id of cached) out.push(id)
      return
    }
    const start = out.length
    this.#encodeShort(out, word)
    if (this.#cache.size >= maxCachedWords) this.#cache = new Map()
    this.#cache.set(word, out.slice(start))
  }

  /** The same, with pauses in which other words may be encoded. */
  *encodeInSlices(
    out: number[],
    word: string,
    symbols = new Symbols(this.#table, this.#mergedIds),
  ): Generator<void> {
    if (this.#addWhole(out, word)) return
    this.#spell(symbols, word)
    while (!symbols.merge(pairsPerSlice)) yield
    symbols.take(out)
  }

  #encodeShort(out: number[], word: string): void {
    if (this.#addWhole(out, word)) return
    this.#spell(this.#symbols, word)
    this.#symbols.merge(Number.POSITIVE_INFINITY)
    this.#symbols.take(out)
  }

  #spell(symbols: Symbols, word: string): void {
    if (this.#options.byteLevel) this.#addBytes(symbols, word)
    else this.#addChars(symbols, word)
  }

  #addWhole(out: number[], word: string): boolean {
    const whole = this.#options.ignoreMerges ? this.#wholeWord(word) : undefined
    if (whole !== undefined) out.push(whole)
    return whole !== undefined
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

  #addBytes(symbols: Symbols, word: string): void {
    const bytes = this.#encoder.encode(word)
    symbols.begin(bytes.length)
    for (const byte of bytes) this.#add(symbols, this.#byteIds[byte]!)
  }

  #addChars(symbols: Symbols, word: string): void {
    const { vocab, byteFallback, reserved } = this.#options
    symbols.begin(byteFallback ? word.length * 3 : word.length)
    for (const char of word) {
      const id = vocab.get(char)
      if (id !== undefined && !reserved.has(id)) {
        this.#add(symbols, id)
        continue
      }
      const bytes = byteFallback ? this.#encoder.encode(char) : []
      const known = bytes.length > 0 && bytes.every(byte => this.#byteIds[byte]! >= 0)
      if (!known) this.#add(symbols, -1)
      else for (const byte of bytes) this.#add(symbols, this.#byteIds[byte]!)
    }
  }

  /** `id` −1 is an unknown symbol: the unknown token where there is one, else nothing. */
  #add(symbols: Symbols, id: number): void {
    const { unkId, fuseUnk } = this.#options
    if (id >= 0) symbols.add(id)
    else if (unkId !== null && !(fuseUnk && symbols.last === unkId)) symbols.add(unkId)
  }
}

function* mergeTable({ merges, reserved }: BpeOptions): Slices<PairTable> {
  const { left, right, merged } = merges
  const table = new PairTable(merged.length)
  for (let rank = 0; rank < merged.length; rank++) {
    if (rank % entriesPerSlice === 0) yield
    if (reserved.has(merged[rank]!) || table.add(left[rank]!, right[rank]!, rank)) continue
    throw invalidFile(`merge ${rank} repeats an earlier one`, { merge: rank })
  }
  return table
}

/** SentencePiece's spelling of a raw byte. */
export function fallbackToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}
