/**
 * Token ids → text, one at a time, never half a character.
 * @module
 */
import type { DecodeOptions, Tokenizer } from './tokenizer.ts'

/**
 * Streaming decoder of one sequence. The pieces joined equal `tokenizer.decode(ids)`.
 * @example
 * const detokenizer = new Detokenizer(tokenizer)
 * for (const id of ids) process.stdout.write(detokenizer.push(id))
 * process.stdout.write(detokenizer.finish())
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer
  readonly #skipSpecialTokens: boolean
  /** Made for the first token that is not ASCII: most answers of a few tokens need none. */
  #decoder: InstanceType<typeof TextDecoder> | undefined
  #atStart: boolean

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer
    this.#skipSpecialTokens = options.skipSpecialTokens !== false
    this.#atStart = tokenizer.stripsLeadingSpace
  }

  /**
   * Text that this id completes, '' while a character is still open.
   * @throws ConclaveError `invalid_request` for an id outside the vocabulary.
   */
  push(id: number): string {
    const bytes = this.#tokenizer.tokenBytes(id)
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(id)) return ''
    if (this.#decoder === undefined && bytes.every(byte => byte < 0x80))
      return this.#emit(
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
      )
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    return this.#emit(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What is left at the end: U+FFFD where the ids stop inside a character, else ''. */
  finish(): string {
    return this.#emit(this.#decoder?.decode() ?? '')
  }

  #emit(text: string): string {
    if (!this.#atStart || text === '') return text
    this.#atStart = false
    return text.startsWith(' ') ? text.slice(1) : text
  }
}
