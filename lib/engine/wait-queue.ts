/**
 * The order in which sequences are served.
 * @module
 */
import type { Sequence } from './sequence.ts'

/** Later arrivals that may be admitted before a sequence; then it goes before every priority. */
export const maxOvertakes = 64

/** Below 0: `a` is served before `b`. Ids rise in order of arrival. */
export function compareRank(a: Sequence, b: Sequence): number {
  const aUrgent = a.numOvertaken >= maxOvertakes
  const bUrgent = b.numOvertaken >= maxOvertakes
  if (aUrgent !== bUrgent) return aUrgent ? -1 : 1
  if (!aUrgent && a.priority !== b.priority) return b.priority - a.priority
  return a.id - b.id
}

/** Sequences that wait, the next one first. */
export class WaitQueue {
  #sequences: Sequence[] = []

  get length(): number {
    return this.#sequences.length
  }

  get first(): Sequence | undefined {
    return this.#sequences[0]
  }

  add(sequence: Sequence): void {
    let at = this.#sequences.length
    while (at > 0 && compareRank(sequence, this.#sequences[at - 1]!) < 0) at--
    this.#sequences.splice(at, 0, sequence)
  }

  remove(sequence: Sequence): void {
    const at = this.#sequences.indexOf(sequence)
    if (at >= 0) this.#sequences.splice(at, 1)
  }

  /** Takes the first out and counts it against those who came before it. */
  shift(): Sequence | undefined {
    const taken = this.#sequences.shift()
    if (taken === undefined) return undefined
    let risen = false
    for (const sequence of this.#sequences)
      if (sequence.id < taken.id && ++sequence.numOvertaken === maxOvertakes) risen = true
    if (risen) this.#sequences.sort(compareRank)
    return taken
  }
}
