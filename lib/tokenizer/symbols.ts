/**
 * The symbols of one word while its pairs merge: n log n in their number.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { MergeQueue, positionOf, rankOf } from './merge-queue.ts'
import type { PairTable } from './pair-table.ts'

/** Longest word in symbols: a queue key has 28 bits for the position. */
const maxSymbols = 2 ** 27

export class Symbols {
  readonly #table: PairTable
  readonly #mergedIds: Int32Array
  readonly #queue = new MergeQueue()
  #ids = new Int32Array(64)
  #next = new Int32Array(64)
  #previous = new Int32Array(64)
  #count = 0
  #proposed = 0

  constructor(table: PairTable, mergedIds: Int32Array) {
    this.#table = table
    this.#mergedIds = mergedIds
  }

  get count(): number {
    return this.#count
  }

  get last(): number | undefined {
    return this.#count > 0 ? this.#ids[this.#count - 1] : undefined
  }

  /** Forgets the word before; room for `count` symbols. */
  begin(count: number): void {
    this.#count = 0
    this.#proposed = 0
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

  add(id: number): void {
    const at = this.#count++
    this.#ids[at] = id
    this.#next[at] = at + 1
    this.#previous[at] = at - 1
  }

  /** Goes on with at most `limit` pairs; true once all have merged. */
  merge(limit: number): boolean {
    let left = limit
    for (; this.#proposed + 1 < this.#count; this.#proposed++) {
      if (left-- <= 0) return false
      this.#propose(this.#proposed, this.#proposed + 1)
    }
    while (this.#queue.size > 0) {
      if (left-- <= 0) return false
      this.#mergeFirst()
    }
    return true
  }

  /** Appends what is left. */
  take(out: number[]): void {
    for (let i = 0; i < this.#count; i = this.#next[i]!) out.push(this.#ids[i]!)
  }

  #mergeFirst(): void {
    const ids = this.#ids
    const next = this.#next
    const key = this.#queue.pop()
    const left = positionOf(key)
    const right = next[left]!
    if (ids[left]! < 0 || right >= this.#count) return
    const merged = this.#mergedIds[rankOf(key)]!
    // The pair may have changed since it was proposed.
    const rank = this.#table.get(ids[left]!, ids[right]!)
    if (rank < 0 || this.#mergedIds[rank] !== merged) return
    ids[left] = merged
    ids[right] = -1
    const after = next[right]!
    next[left] = after
    if (this.#previous[left]! >= 0) this.#propose(this.#previous[left]!, left)
    if (after < this.#count) {
      this.#previous[after] = left
      this.#propose(left, after)
    }
  }

  #propose(left: number, right: number): void {
    const rank = this.#table.get(this.#ids[left]!, this.#ids[right]!)
    if (rank >= 0) this.#queue.push(rank, left)
  }
}
