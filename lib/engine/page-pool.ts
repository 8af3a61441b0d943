/**
 * Which KV pages are free and who holds the others. Pure accounting: the memory itself is native.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** Pages 0 … numPages − 1, each with a count of its holders. */
export class PagePool {
  readonly numPages: number
  /** A stack: the page that was released last is taken first, as it is warm. */
  readonly #free: Int32Array
  readonly #holders: Int32Array
  #numFree: number

  constructor(numPages: number) {
    this.numPages = numPages
    this.#free = Int32Array.from({ length: numPages }, (_, i) => numPages - 1 - i)
    this.#holders = new Int32Array(numPages)
    this.#numFree = numPages
  }

  get numFree(): number {
    return this.#numFree
  }

  get numUsed(): number {
    return this.numPages - this.#numFree
  }

  /**
   * Takes `count` pages, each with one holder, or none at all (undefined) where they are not there.
   */
  allocate(count: number): number[] | undefined {
    if (count > this.#numFree) return undefined
    const pages: number[] = []
    for (let i = 0; i < count; i++) {
      const page = this.#free[--this.#numFree]!
      this.#holders[page] = 1
      pages.push(page)
    }
    return pages
  }

  /** Adds a holder to a page in use. */
  retain(page: number): void {
    this.#checkHeld(page)
    this.#holders[page]!++
  }

  /** Takes a holder off each page; a page without holders is free. */
  release(pages: Iterable<number>): void {
    for (const page of pages) {
      this.#checkHeld(page)
      if (--this.#holders[page]! === 0) this.#free[this.#numFree++] = page
    }
  }

  holders(page: number): number {
    return this.#holders[page] ?? 0
  }

  #checkHeld(page: number): void {
    if (!(this.#holders[page]! > 0))
      throw new ConclaveError(
        'engine_failed',
        `Expected page ${page} to be in use, but it is free.`,
      )
  }
}
