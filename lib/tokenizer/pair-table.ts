/**
 * (left, right) → a number, as one open-addressing table: 12 bytes a slot, no objects.
 * @module
 */
const emptySlot = -1

/** Of numbers in [0, 2^31). */
export class PairTable {
  readonly #left: Int32Array
  readonly #right: Int32Array
  readonly #value: Int32Array
  readonly #mask: number
  // A file cannot aim for collisions without knowing this.
  readonly #seed = (Math.random() * 0x40000000) | 1

  /** Room for `count` pairs at half load. */
  constructor(count: number) {
    let size = 16
    while (size < count * 2) size *= 2
    this.#left = new Int32Array(size).fill(emptySlot)
    this.#right = new Int32Array(size)
    this.#value = new Int32Array(size)
    this.#mask = size - 1
  }

  /** Adds a pair; false where it was there already. */
  add(left: number, right: number, value: number): boolean {
    const slot = this.#find(left, right)
    if (this.#left[slot] !== emptySlot) return false
    this.#left[slot] = left
    this.#right[slot] = right
    this.#value[slot] = value
    return true
  }

  /** Value of the pair, −1 where it has none. */
  get(left: number, right: number): number {
    const slot = this.#find(left, right)
    return this.#left[slot] === emptySlot ? -1 : this.#value[slot]!
  }

  /** Slot of the pair, or the empty slot where it would go. */
  #find(left: number, right: number): number {
    let hash = Math.imul(left ^ this.#seed, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & this.#mask
    while (
      this.#left[slot] !== emptySlot &&
      (this.#left[slot] !== left || this.#right[slot] !== right)
    ) {
      slot = (slot + 1) & this.#mask
    }
    return slot
  }
}
