/**
 * Decides what each step runs. A pure state machine: no clock, no randomness, no model.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { PagePool } from './page-pool.ts'
import type { Sequence } from './sequence.ts'

export interface SchedulerOptions {
  /** Most tokens in one step: the decodes, and what remains for chunks of prompts. */
  maxBatchTokens: number
  /**
   * Most sequences that run at once; never more than `maxBatchTokens`, so that each decode has its
   * token.
   */
  maxSequences: number
  /** Tokens a page holds. */
  pageSize: number
  /** Most tokens a step runs of all sequences that want the logits of each. */
  maxLogitRows: number
}

/** Tokens `start` … `start + count` of one sequence. */
export interface PlanEntry {
  sequence: Sequence
  start: number
  count: number
  /** The last pending token is among them, so its logits give the next one. */
  reachesEnd: boolean
}

export interface Plan {
  entries: PlanEntry[]
  numTokens: number
  /** Rows of sequences that want the logits of all tokens. */
  numLogitRows: number
}

/**
 * First come, first served. A sequence is admitted once all pages it may ever need are free, so
 * none is ever put back; decodes go first, then prompts in order, in chunks of what the budget
 * leaves.
 *
 * State: `waiting` and `running` in order of arrival; a sequence is in one of them or finished.
 */
export class Scheduler {
  readonly #pool: PagePool
  readonly #options: SchedulerOptions
  readonly #maxRunning: number
  readonly #waiting: Sequence[] = []
  readonly #running: Sequence[] = []

  constructor(pool: PagePool, options: SchedulerOptions) {
    this.#pool = pool
    this.#options = options
    this.#maxRunning = Math.min(options.maxSequences, options.maxBatchTokens)
  }

  get numWaiting(): number {
    return this.#waiting.length
  }

  get numRunning(): number {
    return this.#running.length
  }

  get hasWork(): boolean {
    return this.#waiting.length + this.#running.length > 0
  }

  pagesFor(numTokens: number): number {
    return Math.ceil(numTokens / this.#options.pageSize)
  }

  /** Queues a sequence. Throws `kv_capacity` where the whole pool would not hold it. */
  add(sequence: Sequence): void {
    const needed = this.pagesFor(sequence.maxCached)
    if (needed > this.#pool.numPages)
      throw new ConclaveError(
        'kv_capacity',
        `Expected a request of at most ${this.#pool.numPages} KV pages, but prompt and answer ` +
          `need ${needed}. Shorten the prompt, lower maxTokens or give the engine more pages.`,
        { neededPages: needed, totalPages: this.#pool.numPages },
      )
    this.#waiting.push(sequence)
  }

  /**
   * What the next step runs; undefined where there is nothing to do. Its sequences are in flight
   * until {@link commit}.
   */
  schedule(): Plan | undefined {
    this.#admit()
    const plan: Plan = { entries: [], numTokens: 0, numLogitRows: 0 }
    for (const sequence of this.#running)
      if (!sequence.isPrefill) this.#take(plan, sequence, sequence.numPending)
    for (const sequence of this.#running)
      if (sequence.isPrefill) this.#take(plan, sequence, sequence.numPending)
    return plan.entries.length > 0 ? plan : undefined
  }

  /**
   * The step of `plan` is over: its tokens are in the cache. Sequences that ended meanwhile give
   * their pages back.
   */
  commit(plan: Plan): void {
    for (const { sequence, start, count } of plan.entries) {
      sequence.inFlight = false
      sequence.numComputed = start + count
      if (sequence.state === 'finished') this.#free(sequence)
    }
  }

  /** The step of `plan` is not run after all. */
  cancel(plan: Plan): void {
    for (const { sequence } of plan.entries) {
      sequence.inFlight = false
      if (sequence.state === 'finished') this.#free(sequence)
    }
  }

  /**
   * Ends a sequence in any state; once more does nothing. Pages of a step in flight are freed when
   * it is over.
   */
  finish(sequence: Sequence): void {
    if (sequence.state === 'finished') return
    const queue = sequence.state === 'waiting' ? this.#waiting : this.#running
    const at = queue.indexOf(sequence)
    if (at >= 0) queue.splice(at, 1)
    sequence.state = 'finished'
    if (!sequence.inFlight) this.#free(sequence)
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#running.length < this.#maxRunning) {
      const sequence = this.#waiting[0]!
      const pages = this.#pool.allocate(this.pagesFor(sequence.maxCached))
      if (pages === undefined) return
      this.#waiting.shift()
      sequence.pages = pages
      sequence.state = 'running'
      this.#running.push(sequence)
    }
  }

  #take(plan: Plan, sequence: Sequence, pending: number): void {
    const { maxBatchTokens, maxLogitRows } = this.#options
    const isLogits = sequence.wants === 'logits'
    const most = isLogits ? maxLogitRows - plan.numLogitRows : maxBatchTokens
    const count = Math.min(pending, most, maxBatchTokens - plan.numTokens)
    if (count <= 0) return
    if (isLogits) plan.numLogitRows += count
    const start = sequence.numComputed
    plan.entries.push({ sequence, start, count, reachesEnd: count === pending })
    plan.numTokens += count
    sequence.inFlight = true
  }

  #free(sequence: Sequence): void {
    this.#pool.release(sequence.pages)
    sequence.pages = []
  }
}
