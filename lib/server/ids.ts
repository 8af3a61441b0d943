/**
 * Ids of requests, responses and calls.
 * @module
 */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let poolAt = pool.length

/** 128 random bits in hex. */
export function newId(): string {
  if (poolAt === pool.length) {
    // One call of the generator costs as much as a hundred ids.
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += 16
  return pool.toString('hex', poolAt - 16, poolAt)
}
