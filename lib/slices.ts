/**
 * Long work as a generator that yields every few hundred microseconds.
 * @module
 */

/** How long the event loop may be kept at a time, in milliseconds. */
const sliceMs = 10

/** Work that yields between its parts and ends with its result. */
export type Slices<T> = Generator<void, T>

/** Ends once others had their turn of the event loop. */
export const nextTurn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))

/** All of it now. */
export function atOnce<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/** All of it, with turns of the event loop in between. */
export async function inSlices<T>(work: Slices<T>): Promise<T> {
  let until = performance.now() + sliceMs
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (performance.now() < until) continue
    await nextTurn()
    until = performance.now() + sliceMs
  }
}
