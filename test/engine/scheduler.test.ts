import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PagePool } from '../../lib/engine/page-pool.ts'
import { type Plan, Scheduler, type SchedulerOptions } from '../../lib/engine/scheduler.ts'
import { Sequence } from '../../lib/engine/sequence.ts'

const numRuns = Number(process.env.CONCLAVE_RUNS ?? 500)

type Command =
  | { kind: 'add'; prompt: number; maxTokens: number; allLogits: boolean }
  | { kind: 'abort'; which: number }
  /** Plans a step, one more behind it where `ahead`, and ends the first. */
  | { kind: 'step'; abortDuring: number; ahead: boolean }
  | { kind: 'cancel' }

/** Of the full size, where each run has all of them, a failure cannot be shrunk in length. */
const numCommands = 200
const lengths =
  numRuns >= 10_000
    ? { minLength: numCommands, maxLength: numCommands }
    : { maxLength: numCommands, size: 'max' as const }

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    prompt: fc.integer({ min: 1, max: 40 }),
    maxTokens: fc.integer({ min: 1, max: 20 }),
    allLogits: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('abort' as const), which: fc.nat(50) }),
  fc.record({
    kind: fc.constant('step' as const),
    abortDuring: fc.integer({ min: -5, max: 20 }),
    ahead: fc.boolean(),
  }),
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
  /** Not over yet, the oldest first. */
  readonly plans: Plan[] = []
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
    else if (c.kind === 'cancel') {
      for (const plan of this.plans.splice(0).reverse()) this.scheduler.cancel(plan)
    } else {
      while (this.plans.length < (c.ahead ? 2 : 1)) {
        const plan = this.scheduler.schedule()
        if (plan === undefined) break
        this.checkPlan(plan)
        this.plans.push(plan)
      }
      if (c.abortDuring >= 0) this.abort(c.abortDuring)
      this.check()
      const plan = this.plans.shift()
      if (plan === undefined) assert.equal(this.scheduler.hasWork, false)
      else this.finishStep(plan)
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
      assert.ok(this.scheduler.pagesFor(sequence.maxCached) > this.options.numPages)
    }
  }

  abort(which: number): void {
    const sequence = this.sequences[which]
    if (sequence !== undefined) this.scheduler.finish(sequence)
  }

  finishStep(plan: Plan): void {
    for (const entry of plan.entries) {
      const { sequence, reachesEnd } = entry
      if (sequence.state === 'finished' || !reachesEnd) continue
      if (sequence.wants === 'token') this.scheduler.append(entry, 2)
      if (sequence.numGenerated >= sequence.maxTokens) this.scheduler.finish(sequence)
    }
  }

  checkPlan({ entries, numTokens }: Plan): void {
    const { maxBatchTokens, maxSequences } = this.options
    assert.equal(
      numTokens,
      entries.reduce((sum, e) => sum + e.count, 0),
    )
    assert.ok(numTokens <= maxBatchTokens)
    const rows = entries.filter(e => e.sequence.wants === 'logits')
    const most = this.options.maxLogitRows
    assert.ok(rows.reduce((sum, e) => sum + e.count, 0) <= most)
    assert.ok(entries.length <= maxSequences)
    assert.equal(new Set(entries.map(e => e.sequence)).size, entries.length)
    const planned = new Set(entries.map(e => e.sequence))
    const decoding = this.sequences.filter(
      s => s.state === 'running' && !s.isPrefill && s.numPending > 0,
    )
    for (const sequence of decoding) assert.ok(planned.has(sequence))
    for (const { sequence, start, count } of entries) {
      assert.equal(start + count, sequence.numComputed)
      assert.ok(count > 0)
      assert.ok(start + count <= sequence.length + sequence.numUnknown)
      assert.ok(this.scheduler.pagesFor(start + count) <= sequence.pages.length)
    }
  }

  /**
   * Free and used pages are all pages, and each used one has as many holders as sequences that list
   * it.
   */
  check(): void {
    const held = this.sequences.flatMap(s => s.pages)
    assert.equal(new Set(held).size, held.length)
    assert.equal(this.pool.numUsed, held.length)
    assert.equal(this.pool.numFree + this.pool.numUsed, this.options.numPages)
    for (const page of held) assert.equal(this.pool.holders(page), 1)
    const running = this.sequences.filter(s => s.state === 'running').length
    assert.equal(this.scheduler.numRunning, running)
    for (const s of this.sequences) if (s.state !== 'running') assert.equal(s.pages.length, 0)
  }
}

describe('scheduler', () => {
  it('keeps its invariants under any commands, and every request ends', () => {
    fc.assert(
      fc.property(sizes, fc.array(command, lengths), (options, commands) => {
        const world = new World(options)
        for (const c of commands) {
          world.do(c)
          world.check()
        }
        let steps = 0
        while (world.scheduler.hasWork) {
          world.do({ kind: 'step', abortDuring: -1, ahead: steps % 2 === 0 })
          world.check()
          expect(++steps).toBeLessThan(20_000)
        }
        expect(world.pool.numFree).toBe(options.numPages)
        expect(world.sequences.every(s => s.state === 'finished')).toBe(true)
      }),
      { numRuns },
    )
  }, 3_600_000)

  it('runs decodes first and fills the rest with the oldest prompt', () => {
    const world = new World({
      numPages: 100,
      pageSize: 4,
      maxBatchTokens: 8,
      maxSequences: 4,
      maxLogitRows: 8,
    })
    world.add(2, 9, false)
    world.do({ kind: 'step', abortDuring: -1, ahead: false })
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

  it('lets a long prompt yield to those who decode, and to short prompts', () => {
    const world = new World({
      numPages: 100,
      pageSize: 4,
      maxBatchTokens: 16,
      maxSequences: 4,
      maxLogitRows: 8,
    })
    world.add(2, 9, false)
    const counts = (bound = 99) => {
      const plan = world.scheduler.schedule(() => bound)!
      world.finishStep(plan)
      return plan.entries.map(e => [e.sequence.id, e.count])
    }
    expect(counts(3)).toEqual([[0, 2]])
    world.add(60, 9, false)
    expect(counts(3)).toEqual([
      [0, 1],
      [1, 3],
    ])
    world.add(9, 9, false)
    expect(counts(3)).toEqual([
      [0, 1],
      [1, 3],
      [2, 9],
    ])
    expect(counts()).toEqual([
      [0, 1],
      [2, 1],
      [1, 14],
    ])
    for (let left = 40; left > 0; left -= 9) expect(counts(9)[2]).toEqual([1, Math.min(9, left)])
  })
})
