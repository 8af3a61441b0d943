/**
 * Token texts ↔ ids, as tables of numbers.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type TextList, Units } from './text-list.ts'

/** Slots in which one text is looked for; chance alone never needs half as many. */
const maxProbes = 1 << 10

/** Some texts of a list, each with an id of its own. */
export class Vocabulary {
  readonly #texts: TextList
  /** (slots, 2) hash of a text, and its place in the list counted from 1; 0 is an empty slot. */
  readonly #slots: Int32Array
  readonly #mask: number
  // A file cannot aim for collisions without knowing this.
  readonly #seed = (Math.random() * 0x7fffffff) | 1
  /** Place in the list → id. */
  readonly #ids: Int32Array
  /** Id → place in the list counted from 1; 0 is a gap. */
  #places: Int32Array
  #size = 0
  #idLimit = 0
  readonly #asked = new Units()

  /** Empty; what it takes in comes from the list. */
  constructor(texts: TextList) {
    let size = 16
    while (size < texts.length * 1.5) size *= 2
    this.#texts = texts
    this.#slots = new Int32Array(2 * size)
    this.#mask = size - 1
    this.#ids = new Int32Array(texts.length)
    this.#places = new Int32Array(texts.length)
  }

  get size(): number {
    return this.#size
  }

  /** Highest id + 1. */
  get idLimit(): number {
    return this.#idLimit
  }

  hasId(id: number): boolean {
    return (this.#places[id] ?? 0) !== 0
  }

  /** Takes the text at a place of the list in, under a free id; false where it is there already. */
  add(place: number, id: number): boolean {
    const { units, offsets } = this.#texts
    const [from, to] = [offsets[place]!, offsets[place + 1]!]
    const hash = this.#hash(units, from, to)
    const slot = this.#slotOf(hash, units, from, to)
    if (this.#slots[2 * slot + 1] !== 0) return false
    this.#slots[2 * slot] = hash
    this.#slots[2 * slot + 1] = place + 1
    this.#ids[place] = id
    if (id >= this.#places.length) this.#makeRoom(id + 1)
    this.#places[id] = place + 1
    this.#size++
    this.#idLimit = Math.max(this.#idLimit, id + 1)
    return true
  }

  /** Id of the text of units [from, to), or −1. */
  find(units: Uint16Array, from: number, to: number): number {
    const slot = this.#slotOf(this.#hash(units, from, to), units, from, to)
    const place = this.#slots[2 * slot + 1]!
    return place === 0 ? -1 : this.#ids[place - 1]!
  }

  get(text: string): number | undefined {
    this.#asked.length = 0
    this.#asked.addText(text)
    const id = this.find(this.#asked.units, 0, this.#asked.length)
    return id < 0 ? undefined : id
  }

  /** Undefined for a gap. */
  text(id: number): string | undefined {
    const place = this.#places[id] ?? 0
    return place === 0 ? undefined : this.#texts.at(place - 1)
  }

  /** Texts and their ids, the lowest first. */
  *[Symbol.iterator](): Generator<[string, number]> {
    for (let id = 0; id < this.#idLimit; id++) {
      const text = this.text(id)
      if (text !== undefined) yield [text, id]
    }
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this)
  }

  #hash(units: Uint16Array, from: number, to: number): number {
    let hash = this.#seed
    for (let i = from; i < to; i++) {
      hash = Math.imul(hash ^ units[i]!, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash
  }

  /** Slot of a text, or the empty slot where it would go. */
  #slotOf(hash: number, units: Uint16Array, from: number, to: number): number {
    let slot = hash & this.#mask
    for (let probes = 0; this.#slots[2 * slot + 1] !== 0; probes++) {
      if (probes > maxProbes) throw madeToCollide()
      const same = this.#slots[2 * slot] === hash
      if (same && this.#isAt(this.#slots[2 * slot + 1]! - 1, units, from, to)) break
      slot = (slot + 1) & this.#mask
    }
    return slot
  }

  #isAt(place: number, units: Uint16Array, from: number, to: number): boolean {
    const { units: own, offsets } = this.#texts
    const begin = offsets[place]!
    if (offsets[place + 1]! - begin !== to - from) return false
    for (let i = 0; i < to - from; i++) if (own[begin + i] !== units[from + i]) return false
    return true
  }

  #makeRoom(count: number): void {
    const places = new Int32Array(Math.max(count, this.#places.length * 2))
    places.set(this.#places)
    this.#places = places
  }
}

function madeToCollide(): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    'Expected a vocabulary of tokens that differ, but thousands have one hash: the file was made ' +
      'to take long. Take the model from another source.',
  )
}
