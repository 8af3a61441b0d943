/**
 * What stands in the place of a match.
 * @module
 */
import { createHmac, randomBytes } from 'node:crypto'
import { type Category, categoryTags } from './categories.ts'
import { foldText } from './characters.ts'
import type { MaskStyle } from './policy.ts'

/** Pseudonyms that a guard remembers; the oldest go first. */
const mostRemembered = 10_000

const letterOrDigit = /[\p{L}\p{N}]/gu

/** Writes masks, and remembers which pseudonym stands for what. */
export class Masking {
  readonly #key: string | Buffer
  readonly #originals = new Map<string, string>()

  /** Without a key the pseudonyms are those of this object alone. */
  constructor(key?: string) {
    this.#key = key ?? randomBytes(32)
  }

  /** The mask of `match`. */
  write(category: Category, style: MaskStyle, match: string): string {
    if (style === 'stars') return match.replace(letterOrDigit, '*')
    if (style === 'last4') return keepLast(match, 4)
    if (style === 'pseudonym') return this.#pseudonym(category, match)
    return `[${categoryTags[category]}]`
  }

  /** Puts back what the pseudonyms in `text` stand for. */
  restore(text: string): string {
    return text.replace(/\[[A-Z_]{2,24}_[0-9a-f]{16}\]/g, tag => this.#originals.get(tag) ?? tag)
  }

  #pseudonym(category: Category, match: string): string {
    const plain = foldText(match)
      .replace(/[^\p{L}\p{N}@]/gu, '')
      .toLowerCase()
    const mac = createHmac('sha256', this.#key).update(`${category}\n${plain}`).digest('hex')
    const tag = `[${categoryTags[category]}_${mac.slice(0, 16)}]`
    if (!this.#originals.has(tag)) {
      this.#originals.set(tag, match)
      if (this.#originals.size > mostRemembered)
        this.#originals.delete(this.#originals.keys().next().value!)
    }
    return tag
  }
}

/** Stars but for the last `count` letters or digits, and never more than half of them. */
function keepLast(match: string, count: number): string {
  const total = match.match(letterOrDigit)?.length ?? 0
  let hide = total - Math.min(count, Math.floor(total / 2))
  return match.replace(letterOrDigit, unit => (hide-- > 0 ? '*' : unit))
}
