import { describe, expect, it } from 'vitest'
import { addon, needs } from '../engine/needs.ts'
import { report } from './run-program.ts'

/** 300 in CI, about two minutes; 500 of each phase for a long run. */
const terminations = Number(process.env.CONCLAVE_TERMINATIONS ?? 60)
const seed = Number(process.env.CONCLAVE_SEED ?? Date.now() % 2 ** 31)

interface Taken {
  rss: number
  threads: number
  descriptors: number
}

describe('worker threads', () => {
  needs('dist/index.mjs', addon)

  it(
    `${terminations} ended at random moments (seed ${seed}) leave the process as it was`,
    async () => {
      const { ended, same, before, after } = await report<{
        ended: Record<string, number>
        same: boolean
        before: Taken
        after: Taken
      }>('terminate.mjs', [String(terminations), String(seed)], {
        timeoutMs: 10_000 * terminations,
      })
      console.log(`ended while ${JSON.stringify(ended)}`)
      expect(Object.values(ended).reduce((sum, n) => sum + n)).toBe(terminations)
      for (const phase of ['starting', 'loading', 'prefilling', 'decoding'])
        expect(ended[phase]).toBeGreaterThan(0)
      expect(same).toBe(true)
      expect([after.threads, after.descriptors]).toEqual([before.threads, before.descriptors])
      // What node itself keeps of a worker is of the order of 100 KiB.
      expect(after.rss - before.rss).toBeLessThan(32 * 1024 + terminations * 200)
    },
    // The program itself tells a hang from a machine that is busy.
    10_000 * terminations + 60_000,
  )

  it('28 ended while they download leave no descriptor', async () => {
    const count = '24'
    const { moments, before, after } = await report<{
      moments: Record<string, number>
      before: Taken
      after: Taken
    }>('download.mjs', [count, String(seed)], { timeoutMs: 200_000 })
    console.log(`ended ${JSON.stringify(moments)} (seed ${seed})`)
    const open = process.platform === 'linux' ? { open: 4 } : {}
    expect(moments).toEqual({ 'config.json': 12, 'model.safetensors': 12, ...open })
    expect([after.threads, after.descriptors]).toEqual([before.threads, before.descriptors])
  }, 220_000)

  it('eight on one model, each leaving in its own way', async () => {
    const { exits, same } = await report<{ exits: string[]; same: boolean }>('crowd.mjs', [])
    expect(exits).toEqual([
      'return 0',
      'throw 1 thrown on purpose',
      'exit 3',
      'terminate 1',
      'dispose 0',
      'exit-in-load 3',
      'throw 1 thrown on purpose',
      'return 0',
    ])
    expect(same).toBe(true)
  })
})
