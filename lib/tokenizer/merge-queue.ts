/**
 * Smallest-first queue of candidate merges: a heap with four children a node, which misses the
 * cache less often than two. A key is rank × 2²⁸ + position: the lower rank first, and of equal
 * ranks the leftmost. Ranks stay below 2²⁴, so a key is exact in a double.
 * @module
 */
const positions = 2 ** 28

export class MergeQueue {
  #keys = new Float64Array(64)
  #size = 0

  get size(): number {
    return this.#size
  }

  push(rank: number, position: number): void {
    if (this.#size === this.#keys.length) this.#grow()
    const keys = this.#keys
    const key = rank * positions + position
    let slot = this.#size++
    while (slot > 0) {
      const parent = (slot - 1) >> 2
      if (keys[parent]! <= key) break
      keys[slot] = keys[parent]!
      slot = parent
    }
    keys[slot] = key
  }

  /** Removes the first key; read it with {@link rankOf} and {@link positionOf}. */
  pop(): number {
    const keys = this.#keys
    const size = --this.#size
    const first = keys[0]!
    const last = keys[size]!
    let slot = 0
    for (let child = 1; child < size; child = 4 * slot + 1) {
      const end = Math.min(child + 4, size)
      let least = child
      for (let other = child + 1; other < end; other++) {
        if (keys[other]! < keys[least]!) least = other
      }
      if (keys[least]! >= last) break
      keys[slot] = keys[least]!
      slot = least
    }
    keys[slot] = last
    return first
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2)
    keys.set(this.#keys)
    this.#keys = keys
  }
}

export const rankOf = (key: number): number => Math.floor(key / positions)
export const positionOf = (key: number): number => key - Math.floor(key / positions) * positions
