/**
 * Blocks of text that follow one another, read as one text: what stands in two of them is seen.
 * @module
 */
import type { LanguageModelV3StreamPart } from '@ai-sdk/provider'
import type { Filter, Pieces } from '../guard/filter.ts'

/** A block of text or of reasoning. */
interface Block {
  readonly kind: 'text' | 'reasoning'
  readonly id: string
}

/** What came, in order, and at which offset of the text. */
interface Waiting {
  readonly at: number
  readonly part: LanguageModelV3StreamPart
}

/**
 * Pieces leave with the block in which they came; a mask with that in which its match begins. The
 * ends and beginnings of blocks wait until all text in front of them has left.
 */
export class JoinedBlocks implements Pieces {
  readonly #filter: Filter
  readonly #emit: (part: LanguageModelV3StreamPart) => void
  readonly #blocks: (Block & { start: number })[] = []
  #waiting: Waiting[] = []
  #come = 0

  constructor(filter: Filter, emit: (part: LanguageModelV3StreamPart) => void) {
    this.#filter = filter
    this.#emit = emit
    filter.writeWith(this)
  }

  /** The policy ended the text; what waits behind it does not leave. */
  get blocked(): boolean {
    return this.#filter.blocked
  }

  /** Takes text of a block. */
  text({ kind, id }: Block, text: string): void {
    if (text === '') return
    const last = this.#blocks.at(-1)
    if (last?.kind !== kind || last.id !== id) this.#blocks.push({ kind, id, start: this.#come })
    this.#come += text.length
    this.#filter.push(text)
    this.#release(this.#filter.left)
  }

  /** Takes the beginning or end of a block. */
  part(part: LanguageModelV3StreamPart): void {
    this.#waiting.push({ at: this.#come, part })
    this.#release(this.#filter.left)
  }

  /** Nothing follows that could go on with the text. */
  end(): void {
    this.#filter.end()
    this.#release(this.#come)
  }

  /** As `Pieces` has it. */
  plain(text: string, from: number): string {
    let at = from
    while (at < from + text.length) {
      this.#reach(at)
      const borders = [this.#waiting[0]?.at, this.#blocks[1]?.start, from + text.length]
      const end = Math.min(...borders.map(border => border ?? Number.POSITIVE_INFINITY))
      this.#delta(text.slice(at - from, end - from))
      at = end
    }
    return ''
  }

  /** As `Pieces` has it. */
  masked(_text: string, from: number, mask: string): string {
    this.#reach(from)
    this.#delta(mask)
    return ''
  }

  /** As `Pieces` has it. */
  cut(from: number): void {
    this.#release(from)
    this.#waiting = []
  }

  /** What leaves next is of the block that holds `offset`. */
  #reach(offset: number): void {
    this.#release(offset)
    while (this.#blocks.length > 1 && this.#blocks[1]!.start <= offset) this.#blocks.shift()
  }

  #delta(delta: string): void {
    const { kind, id } = this.#blocks[0]!
    this.#emit({ type: `${kind}-delta`, id, delta })
  }

  /** What waited for the text up to `offset` leaves. */
  #release(offset: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.at <= offset)
      this.#emit(this.#waiting.shift()!.part)
  }
}
