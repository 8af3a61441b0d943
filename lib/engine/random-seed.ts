/**
 * Seeds for requests that name none.
 * @module
 */
import { randomFillSync } from 'node:crypto'

const pool = new BigUint64Array(256)
let next = pool.length

/** 0 … 2^53 − 1. One call of the generator costs as much as a hundred seeds. */
export function randomSeed(): bigint {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool[next++]! >> 11n
}
