import { describe, expect, it } from 'vitest'
import { addon, needs } from '../engine/needs.ts'
import { report } from './run-program.ts'

const cycles = Number(process.env.CONCLAVE_CYCLES ?? 100)

// Without compiled JavaScript and with blocks above 64 KiB given back when they are freed, what stays
// resident is what the library kept, not what V8 and the allocator hold for later.
const settled = {
  flags: ['--expose-gc', '--no-opt', '--no-sparkplug'],
  env: { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_ARENA_MAX: '1' },
  timeoutMs: 1000 * cycles,
}

interface Taken {
  rss: number
  threads: number
  descriptors: number
}

describe('what a model took comes back', () => {
  needs('dist/index.mjs', addon)

  it.for([
    ['by dispose', 'dispose'],
    ['by the garbage collector alone', 'collect'],
  ])(`${cycles} loads and releases %s`, { timeout: 1000 * cycles }, async ([, way]) => {
    const args = [String(cycles), way!]
    const got = await report<{ answers: number; seen: Taken[] }>('cycles.mjs', args, settled)
    // The middle of ten cycles: one alone may hold a model whose turn to be collected has not come, or a page just given back.
    const middle = (cycles: Taken[]) =>
      [...cycles].sort((a, b) => a.rss - b.rss)[cycles.length >> 1]!
    const [early, late] = [got.seen.slice(9, 19), got.seen.slice(-10)]
    const [tenth, last] = [middle(early), middle(late)]
    const growth = last.rss / tenth.rss - 1
    console.log(`${way}: ${tenth.rss} → ${last.rss} KiB, ${(100 * growth).toFixed(2)} %`)
    expect(growth).toBeLessThan(0.01)
    // The least of ten: the threads of a model that was just let go may be on their way out.
    const least = (cycles: Taken[]) => [
      Math.min(...cycles.map(({ threads }) => threads)),
      Math.min(...cycles.map(({ descriptors }) => descriptors)),
    ]
    expect(least(late)).toEqual(least(early))
    expect(got.answers).toBe(1)
  })

  it('forgotten models are collected by V8 on its own', { timeout: 60_000 }, async () => {
    const got = await report<{ seen: Taken[] }>('cycles.mjs', ['100', 'forget'], settled)
    const most = Math.max(...got.seen.map(({ threads }) => threads))
    console.log(`at most ${most} threads, ${got.seen[0]!.threads} with one model`)
    expect(most).toBeLessThan(40)
  })
})
