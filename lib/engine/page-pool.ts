/**
 * Which KV pages are free and who holds the others. Pure accounting: the memory itself is native.
 * @module
 */
import { ConclaveError } from '../errors.ts'

const none = -1

/**
 * Pages 0 … numPages − 1, each with a count of its holders. A page without holders is free, or idle:
 * kept for its contents until another page is needed, the longest idle first.
 */
export class PagePool {
  readonly numPages: number
  /** Told of each kept page whose contents are given up. */
  onEvict: (page: number) => void = () => {}
  /** A stack: the page that was released last is taken first, as it is warm. */
  readonly #free: Int32Array
  readonly #holders: Int32Array
  /** 1: the contents are kept when the last holder lets go. */
  readonly #kept: Uint8Array
  /** Idle pages as a list, the longest idle at its head. */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  #head = none
  #tail = none
  #numFree: number
  #numIdle = 0

  constructor(numPages: number) {
    this.numPages = numPages
    this.#free = Int32Array.from({ length: numPages }, (_, i) => numPages - 1 - i)
    this.#holders = new Int32Array(numPages)
    this.#kept = new Uint8Array(numPages)
    this.#next = new Int32Array(numPages).fill(none)
    this.#previous = new Int32Array(numPages).fill(none)
    this.#numFree = numPages
  }

  /** Pages that {@link allocate} can give, idle ones among them. */
  get numFree(): number {
    return this.#numFree + this.#numIdle
  }

  /** Pages without a holder whose contents are kept. */
  get numIdle(): number {
    return this.#numIdle
  }

  get numUsed(): number {
    return this.numPages - this.numFree
  }

  /**
   * Takes `count` pages, each with one holder, or none at all (undefined) where they are not there.
   */
  allocate(count: number): number[] | undefined {
    if (count > this.numFree) return undefined
    const pages: number[] = []
    for (let i = 0; i < count; i++) {
      const page = this.#numFree > 0 ? this.#free[--this.#numFree]! : this.#evict()
      this.#holders[page] = 1
      pages.push(page)
    }
    return pages
  }

  /** Adds a holder to a page that is in use or idle. */
  retain(page: number): void {
    if (this.#holders[page] === 0 && this.#kept[page] === 1) this.#unlink(page)
    else this.#checkHeld(page)
    this.#holders[page]!++
  }

  /**
   * Takes a holder off each page, the last page first, so that of a line the end is given up before
   * what it continues.
   */
  release(pages: readonly number[]): void {
    for (let i = pages.length - 1; i >= 0; i--) {
      const page = pages[i]!
      this.#checkHeld(page)
      if (--this.#holders[page]! > 0) continue
      if (this.#kept[page] === 1) this.#link(page)
      else this.#free[this.#numFree++] = page
    }
  }

  /** Keeps the contents of a page in use when its last holder lets go. */
  keep(page: number): void {
    this.#checkHeld(page)
    this.#kept[page] = 1
  }

  /** The contents of a page are worth nothing any more. */
  forget(page: number): void {
    if (this.#kept[page] !== 1) return
    this.#kept[page] = 0
    if (this.#holders[page] !== 0) return
    this.#unlink(page)
    this.#free[this.#numFree++] = page
  }

  holders(page: number): number {
    return this.#holders[page] ?? 0
  }

  #evict(): number {
    const page = this.#head
    this.#unlink(page)
    this.#kept[page] = 0
    this.onEvict(page)
    return page
  }

  #link(page: number): void {
    this.#previous[page] = this.#tail
    this.#next[page] = none
    if (this.#tail === none) this.#head = page
    else this.#next[this.#tail] = page
    this.#tail = page
    this.#numIdle++
  }

  #unlink(page: number): void {
    const previous = this.#previous[page]!
    const next = this.#next[page]!
    if (previous === none) this.#head = next
    else this.#next[previous] = next
    if (next === none) this.#tail = previous
    else this.#previous[next] = previous
    this.#numIdle--
  }

  #checkHeld(page: number): void {
    if (!(this.#holders[page]! > 0))
      throw new ConclaveError(
        'engine_failed',
        `Expected page ${page} to be in use, but it is free.`,
      )
  }
}
