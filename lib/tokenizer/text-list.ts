/**
 * Many texts in one piece of memory: a vocabulary and its merges are 300,000 of them, and as
 * strings they would take longer to make, and more memory, than all else that JavaScript loads.
 * @module
 */
import type { Slices } from '../slices.ts'

/** Texts, or bytes of them, that are read at a time. */
const [textsAtATime, bytesAtATime] = [1 << 12, 1 << 17]

/** UTF-16 units that grow at their end. */
export class Units {
  units: Uint16Array
  length = 0

  constructor(room = 256) {
    this.units = new Uint16Array(room)
  }

  add(units: Uint16Array, from: number, to: number): void {
    this.#reserve(Math.max(0, to - from))
    for (let i = from; i < to; i++) this.units[this.length++] = units[i]!
  }

  addText(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.units[this.length++] = text.charCodeAt(i)
  }

  /** The text that `bytes.toString('utf8', from, to)` gives. */
  addUtf8(bytes: Buffer, from: number, to: number): void {
    this.#reserve(to - from)
    let at = this.length
    for (let i = from; i < to; i++) {
      const byte = bytes[i]!
      if (byte < 0x80) {
        this.units[at++] = byte
        continue
      }
      // Byte-level spellings have no character of more than two bytes; what else there is, and what
      // is no UTF-8, is left to Node.
      const next = ++i < to ? bytes[i]! : 0
      if (byte < 0xc2 || byte > 0xdf || (next & 0xc0) !== 0x80) {
        this.addText(bytes.toString('utf8', from, to))
        return
      }
      this.units[at++] = ((byte & 0x1f) << 6) | (next & 0x3f)
    }
    this.length = at
  }

  #reserve(more: number): void {
    if (this.length + more <= this.units.length) return
    const units = new Uint16Array(Math.max(this.length + more, this.units.length * 2))
    units.set(this.units)
    this.units = units
  }
}

/** A text of units [from, to). */
export function textOf(units: Uint16Array, from: number, to: number): string {
  return Buffer.from(units.buffer, units.byteOffset + from * 2, (to - from) * 2).toString('utf16le')
}

/** Text i is units[offsets[i] … offsets[i + 1]). */
export class TextList {
  readonly units: Uint16Array
  /** (length + 1) */
  readonly offsets: Uint32Array

  private constructor(units: Uint16Array, offsets: Uint32Array) {
    this.units = units
    this.offsets = offsets
  }

  static *of(texts: readonly string[]): Slices<TextList> {
    const all = new Units(texts.length * 8)
    const offsets = new Uint32Array(texts.length + 1)
    for (const [i, text] of texts.entries()) {
      all.addText(text)
      offsets[i + 1] = all.length
      if (i % textsAtATime === 0) yield
    }
    return new TextList(all.units, offsets)
  }

  /** Text i is bytes[offsets[i] … offsets[i + 1]); what is no UTF-8 becomes U+FFFD. */
  static *ofUtf8(bytes: Buffer, byteOffsets: Uint32Array): Slices<TextList> {
    const all = new Units(bytes.length)
    const offsets = new Uint32Array(byteOffsets.length)
    let rested = 0
    for (let i = 1; i < byteOffsets.length; i++) {
      const to = byteOffsets[i]!
      all.addUtf8(bytes, byteOffsets[i - 1]!, to)
      offsets[i] = all.length
      if (i % textsAtATime !== 0 && to - rested < bytesAtATime) continue
      rested = to
      yield
    }
    return new TextList(all.units, offsets)
  }

  get length(): number {
    return this.offsets.length - 1
  }

  at(i: number): string {
    return textOf(this.units, this.offsets[i]!, this.offsets[i + 1]!)
  }

  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }

  toJSON(): string[] {
    return [...this]
  }
}
