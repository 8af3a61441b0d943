import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PagePool } from '../../lib/engine/page-pool.ts'
import { type Plan, Scheduler, type SchedulerOptions } from '../../lib/engine/scheduler.ts'
import { Sequence } from '../../lib/engine/sequence.ts'

type Command =
  | { kind: 'add'; prompt: number; maxTokens: number; allLogits: boolean }
  | { kind: 'abort'; which: number }
  | { kind: 'step'; abortDuring: number }
  | { kind: 'cancel' }

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    prompt: fc.integer({ min: 1, max: 40 }),
    maxTokens: fc.integer({ min: 1, max: 20 }),
    allLogits: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('abort' as const), which: fc.nat(50) }),
  fc.record({ kind: fc.constant('step' as const), abortDuring: fc.integer({ min: -5, max: 20 }) }),
  fc.record({ kind: fc.constant('cancel' as const) }),
)

const sizes = fc.record({
  numPages: fc.integer({ min: 1, max: 24 }),
  pageSize: fc.integer({ min: 1, max: 8 }),
  maxBatchTokens: fc.integer({ min: 1, max: 24 }),
  maxSequences: fc.integer({ min: 1, max: 6 }),
  maxLogitRows: fc.integer({ min: 1, max: 9 }),
})

type Sizes = SchedulerOptions & { numPages: number }

class World {
  readonly sequences: Sequence[] = []
  readonly pool: PagePool
  readonly scheduler: Scheduler
  readonly options: Sizes

  constructor(options: Sizes) {
    this.options = options
    this.pool = new PagePool(options.numPages)
    this.scheduler = new Scheduler(this.pool, options)
  }

  do(c: Command): void {
    if (c.kind === 'add') this.add(c.prompt, c.maxTokens, c.allLogits)
    else if (c.kind === 'abort') this.abort(c.which)
    else {
      const plan = this.scheduler.schedule()
      if (plan === undefined) {
        expect(this.scheduler.hasWork).toBe(false)
        return
      }
      this.checkPlan(plan)
      if (c.kind === 'cancel') this.scheduler.cancel(plan)
      else {
        if (c.abortDuring >= 0) this.abort(c.abortDuring)
        this.check()
        this.finishStep(plan)
      }
    }
  }

  add(prompt: number, maxTokens: number, allLogits: boolean): void {
    const sequence = new Sequence({
      id: this.sequences.length,
      promptIds: Array(prompt).fill(1),
      maxTokens: allLogits ? 0 : maxTokens,
      wants: allLogits ? 'logits' : 'token',
    })
    try {
      this.scheduler.add(sequence)
      this.sequences.push(sequence)
    } catch (error) {
      expect(error).toMatchObject({ code: 'kv_capacity' })
      expect(this.scheduler.pagesFor(sequence.maxCached)).toBeGreaterThan(this.options.numPages)
    }
  }

  abort(which: number): void {
    const sequence = this.sequences[which]
    if (sequence !== undefined) this.scheduler.finish(sequence)
  }

  finishStep(plan: Plan): void {
    this.scheduler.commit(plan)
    for (const { sequence, reachesEnd } of plan.entries) {
      if (sequence.state === 'finished' || !reachesEnd) continue
      if (sequence.wants === 'token') sequence.append(2)
      if (sequence.numGenerated >= sequence.maxTokens) this.scheduler.finish(sequence)
    }
  }

  checkPlan({ entries, numTokens }: Plan): void {
    const { maxBatchTokens, maxSequences } = this.options
    expect(numTokens).toBe(entries.reduce((sum, e) => sum + e.count, 0))
    expect(numTokens).toBeLessThanOrEqual(maxBatchTokens)
    const rows = entries.filter(e => e.sequence.wants === 'logits')
    const most = this.options.maxLogitRows
    expect(rows.reduce((sum, e) => sum + e.count, 0)).toBeLessThanOrEqual(most)
    expect(entries.length).toBeLessThanOrEqual(maxSequences)
    expect(new Set(entries.map(e => e.sequence)).size).toBe(entries.length)
    const decoding = this.sequences.filter(s => s.state === 'running' && !s.isPrefill)
    for (const sequence of decoding) expect(entries.map(e => e.sequence)).toContain(sequence)
    for (const { sequence, start, count } of entries) {
      expect(start).toBe(sequence.numComputed)
      expect(count).toBeGreaterThan(0)
      expect(start + count).toBeLessThanOrEqual(sequence.length)
      expect(this.scheduler.pagesFor(start + count)).toBeLessThanOrEqual(sequence.pages.length)
    }
  }

  /**
   * Free and used pages are all pages, and each used one has as many holders as sequences that list
   * it.
   */
  check(): void {
    const held = this.sequences.flatMap(s => s.pages)
    expect(new Set(held).size).toBe(held.length)
    expect(this.pool.numUsed).toBe(held.length)
    expect(this.pool.numFree + this.pool.numUsed).toBe(this.options.numPages)
    for (const page of held) expect(this.pool.holders(page)).toBe(1)
    const running = this.sequences.filter(s => s.state === 'running').length
    expect(this.scheduler.numRunning).toBe(running)
    for (const s of this.sequences)
      if (s.state === 'waiting' || (s.state === 'finished' && !s.inFlight))
        expect(s.pages).toEqual([])
  }
}

describe('scheduler', () => {
  it('keeps its invariants under any commands, and every request ends', () => {
    fc.assert(
      fc.property(sizes, fc.array(command, { maxLength: 120 }), (options, commands) => {
        const world = new World(options)
        for (const c of commands) {
          world.do(c)
          world.check()
        }
        let steps = 0
        while (world.scheduler.hasWork) {
          world.do({ kind: 'step', abortDuring: -1 })
          world.check()
          expect(++steps).toBeLessThan(20_000)
        }
        expect(world.pool.numFree).toBe(options.numPages)
        expect(world.sequences.every(s => s.state === 'finished')).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('runs decodes first and fills the rest with the oldest prompt', () => {
    const world = new World({
      numPages: 100,
      pageSize: 4,
      maxBatchTokens: 8,
      maxSequences: 4,
      maxLogitRows: 8,
    })
    world.add(2, 9, false)
    world.do({ kind: 'step', abortDuring: -1 })
    world.add(20, 9, false)
    world.add(20, 9, false)
    const plan = world.scheduler.schedule()!
    expect(plan.entries.map(e => [e.sequence.id, e.start, e.count])).toEqual([
      [0, 2, 1],
      [1, 0, 7],
    ])
  })

  it('admits in order of arrival: a small request does not overtake a large one', () => {
    const world = new World({
      numPages: 8,
      pageSize: 4,
      maxBatchTokens: 64,
      maxSequences: 4,
      maxLogitRows: 8,
    })
    world.add(20, 5, false)
    world.add(20, 5, false)
    world.add(1, 1, false)
    const plan = world.scheduler.schedule()!
    expect(plan.entries.map(e => e.sequence.id)).toEqual([0])
  })
})

describe('page pool', () => {
  it('gives all or nothing, and counts holders', () => {
    const pool = new PagePool(3)
    expect(pool.allocate(4)).toBeUndefined()
    const pages = pool.allocate(2)!
    pool.retain(pages[0]!)
    pool.release(pages)
    expect([pool.numFree, pool.holders(pages[0]!), pool.holders(pages[1]!)]).toEqual([2, 1, 0])
    pool.release([pages[0]!])
    expect(pool.numFree).toBe(3)
  })

  it('refuses to free or share a free page', () => {
    const pool = new PagePool(2)
    for (const act of [() => pool.release([0]), () => pool.retain(1), () => pool.release([7])])
      expect(act).toThrowError(expect.objectContaining({ code: 'engine_failed' }))
    expect(pool.numFree).toBe(2)
  })
})
