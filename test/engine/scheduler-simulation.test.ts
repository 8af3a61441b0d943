import { describe, expect, it } from 'vitest'
import { faultKinds, noFaults, SchedulerWorld } from './scheduler-world.ts'

/** One seed again: CONCLAVE_SEED=42 npx vitest run test/engine/scheduler-simulation.test.ts */
const only = process.env.CONCLAVE_SEED
const numSeeds = only === undefined ? Number(process.env.CONCLAVE_SEEDS ?? 400) : 1
const numSteps = Number(process.env.CONCLAVE_STEPS ?? 2000)
const firstSeed = Number(only ?? process.env.CONCLAVE_FIRST_SEED ?? 1)

// Requests larger than the pool are refused all the time; nobody reads where.
Error.stackTraceLimit = 0

/** Arrivals for so many steps, then all must end within a bound. */
function simulate(seed: number, faults = noFaults()): number {
  const world = new SchedulerWorld(seed, faults)
  try {
    for (let step = 0; step < numSteps; step++) world.tick(true)
    for (let step = 0; world.numLive > 0; step++) {
      if (step > 20_000) throw new Error(`${world.numLive} requests never ended`)
      world.tick(false)
    }
    if (world.pool.numUsed > 0) throw new Error('pages leaked')
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}. Replay: CONCLAVE_SEED=${seed}`, {
      cause: error,
    })
  }
  return world.trace
}

describe('a simulated scheduler', () => {
  it(`keeps its invariants for ${numSeeds} seeds of ${numSteps} steps with faults`, () => {
    const faults = noFaults()
    const start = performance.now()
    for (let seed = firstSeed; seed < firstSeed + numSeeds; seed++) simulate(seed, faults)
    const perSecond = Math.round((numSeeds * numSteps * 1000) / (performance.now() - start))
    console.log(`${perSecond} steps/s`, faults)
    if (numSeeds * numSteps < 800_000) return
    for (const kind of faultKinds) expect(faults[kind], kind).toBeGreaterThanOrEqual(1000)
  }, 3_600_000)

  it('plans the same for the same seed', () => {
    expect(simulate(firstSeed)).toBe(simulate(firstSeed))
    expect(simulate(firstSeed)).not.toBe(simulate(firstSeed + 1))
  })
})
