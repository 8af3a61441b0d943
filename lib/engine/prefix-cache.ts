/**
 * Finds pages that hold the beginning of a line of tokens already, so that it is not computed again.
 * @module
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { PagePool } from './page-pool.ts'
import type { Sequence } from './sequence.ts'

/** 256 bits of a page's tokens and all before it, as a string. */
export type PageHash = (previous: string, tokens: Int32Array) => string

/** What a kept page holds. The same object is never in two places. */
interface KeptPage {
  page: number
  hash: string
  tokens: Int32Array
  /** The page before it; null at the start of a line. */
  before: KeptPage | null
}

/** HMAC-SHA-256 chained from page to page, under a key that nobody else has. */
export function keyedHash(key: Uint8Array = randomBytes(32)): PageHash {
  return (previous, tokens) => {
    const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
    return createHmac('sha256', key).update(previous).update(bytes).digest('base64')
  }
}

/**
 * Only full pages of a line whose tokens were computed and answered with a finite row are kept.
 * A hit needs equal hashes, equal tokens and the hit of the page before, so not even a collision of
 * hashes gives one line the pages of another. Lines of different salts never meet.
 */
export class PrefixCache {
  readonly #pool: PagePool
  readonly #pageSize: number
  readonly #hash: PageHash
  readonly #byHash = new Map<string, KeptPage>()
  readonly #byPage = new Map<number, KeptPage>()
  /** Hashes of a sequence's full pages, as far as they were needed. */
  readonly #hashes = new WeakMap<Sequence, string[]>()
  /** Of a sequence, the last page known to be kept; the next must continue it. */
  readonly #kept = new WeakMap<Sequence, { count: number; last: KeptPage | null }>()

  constructor(pool: PagePool, pageSize: number, hash: PageHash = keyedHash()) {
    this.#pool = pool
    this.#pageSize = pageSize
    this.#hash = hash
    pool.onEvict = page => this.#drop(page)
  }

  get numPages(): number {
    return this.#byPage.size
  }

  /**
   * Pages of the longest known beginning of the line, each with one holder more. At least the last
   * token is left to compute, as its logits are wanted.
   */
  take(sequence: Sequence): number[] {
    if (sequence.cacheSalt === undefined) return []
    const most = Math.floor((sequence.length - 1) / this.#pageSize)
    const pages: number[] = []
    let before: KeptPage | null = null
    while (pages.length < most) {
      const found = this.#find(sequence, pages.length, before)
      if (found === undefined) break
      this.#pool.retain(found.page)
      pages.push(found.page)
      before = found
    }
    this.#kept.set(sequence, { count: pages.length, last: before })
    return pages
  }

  /** Keeps the full pages of the first `numComputed` tokens, as far as they were not before. */
  publish(sequence: Sequence, numComputed: number): void {
    const state = this.#kept.get(sequence)
    if (sequence.cacheSalt === undefined || state === undefined) return
    const full = Math.floor(numComputed / this.#pageSize)
    for (; state.count < full; state.count++) {
      const index = state.count
      const known = this.#find(sequence, index, state.last)
      state.last = known ?? this.#add(sequence, index, state.last)
    }
  }

  #find(sequence: Sequence, index: number, before: KeptPage | null): KeptPage | undefined {
    const found = this.#byHash.get(this.#hashOf(sequence, index))
    if (found === undefined || found.before !== before) return undefined
    const tokens = this.#tokens(sequence, index)
    return found.tokens.every((id, i) => id === tokens[i]) ? found : undefined
  }

  #add(sequence: Sequence, index: number, before: KeptPage | null): KeptPage {
    const hash = this.#hashOf(sequence, index)
    const other = this.#byHash.get(hash)
    if (other !== undefined) {
      this.#pool.forget(other.page)
      this.#drop(other.page)
    }
    const page = sequence.pages[index]!
    const kept = { page, hash, tokens: this.#tokens(sequence, index).slice(), before }
    this.#byHash.set(hash, kept)
    this.#byPage.set(page, kept)
    this.#pool.keep(page)
    return kept
  }

  #drop(page: number): void {
    const kept = this.#byPage.get(page)
    if (kept === undefined) return
    this.#byPage.delete(page)
    this.#byHash.delete(kept.hash)
  }

  #tokens(sequence: Sequence, index: number): Int32Array {
    return sequence.tokens(index * this.#pageSize, (index + 1) * this.#pageSize)
  }

  #hashOf(sequence: Sequence, index: number): string {
    const hashes = this.#hashes.get(sequence) ?? []
    if (hashes.length === 0) this.#hashes.set(sequence, hashes)
    while (hashes.length <= index) {
      const previous = hashes.at(-1) ?? JSON.stringify(sequence.cacheSalt)
      hashes.push(this.#hash(previous, this.#tokens(sequence, hashes.length)))
    }
    return hashes[index]!
  }
}
