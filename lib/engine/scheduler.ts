/**
 * Decides what each step runs. A pure state machine: no clock, no randomness, no model.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { PagePool } from './page-pool.ts'
import type { PrefixCache } from './prefix-cache.ts'
import type { Sequence } from './sequence.ts'
import { compareRank, WaitQueue } from './wait-queue.ts'

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
  /** Most tokens a step runs of all sequences that want the logits or hidden state of each. */
  maxLogitRows: number
}

const unbounded = () => Number.POSITIVE_INFINITY

/** Tokens `start` … `start + count` of one sequence. */
export interface PlanEntry {
  sequence: Sequence
  start: number
  count: number
  /** The last pending token is among them, so its logits give the next one. */
  reachesEnd: boolean
  /** The sequence's `numPreempted` when it was planned. */
  epoch: number
  /** The sequence's `row` before. */
  rowBefore: number
}

export interface Plan {
  entries: PlanEntry[]
  numTokens: number
  /** The first of the entries, one token each, that only decode. */
  numDecodes: number
  /** Rows of sequences that want the logits of all tokens. */
  numLogitRows: number
}

/**
 * First come, first served within a priority. A sequence is admitted once the pages of the tokens
 * that it has are there, and takes one more whenever it grows into it; where none is left, the
 * last in rank gives all of its pages up and waits to be computed again. The first in rank always
 * gets what it needs, and no one is overtaken without end, so every sequence ends.
 *
 * State: a sequence waits, runs (`running` is in order of rank) or is finished.
 */
export class Scheduler {
  readonly #pool: PagePool
  readonly #cache: PrefixCache | null
  readonly #options: SchedulerOptions
  readonly #maxRunning: number
  readonly #waiting = new WaitQueue()
  readonly #running: Sequence[] = []
  #numPreemptions = 0
  /** The first that waits did not fit; nothing is tried again before more is free. */
  #blocked = { id: -1, numFree: 0 }

  constructor(pool: PagePool, options: SchedulerOptions, cache: PrefixCache | null = null) {
    this.#pool = pool
    this.#cache = cache
    this.#options = options
    this.#maxRunning = Math.min(options.maxSequences, options.maxBatchTokens)
  }

  get numWaiting(): number {
    return this.#waiting.length
  }

  get numRunning(): number {
    return this.#running.length
  }

  get numPreemptions(): number {
    return this.#numPreemptions
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
    this.#waiting.add(sequence)
  }

  /** False while a sequence that runs must know each token before its next step. */
  get mayPlanAhead(): boolean {
    return this.#running.every(sequence => !sequence.editsLogits)
  }

  /**
   * What the next step runs; undefined where there is nothing to do before a step in flight is
   * over. Steps must run in the order of their plans: each counts on what those before it compute
   * and sample, so that the next one can be planned while one runs. Beside decodes, a prompt that
   * takes several steps anyway gets at most `longPromptTokens(their number)` of this one.
   */
  schedule(longPromptTokens: (numDecodes: number) => number = unbounded): Plan | undefined {
    this.#grow()
    this.#admit()
    const { maxBatchTokens } = this.#options
    const plan: Plan = { entries: [], numTokens: 0, numDecodes: 0, numLogitRows: 0 }
    const prefills: Sequence[] = []
    for (const sequence of this.#running)
      if (sequence.isPrefill) prefills.push(sequence)
      else this.#take(plan, sequence)
    plan.numDecodes = plan.entries.length
    const { numDecodes } = plan
    const bound = numDecodes > 0 ? Math.max(1, longPromptTokens(numDecodes)) : maxBatchTokens
    for (const sequence of prefills) {
      sequence.isLong ||= sequence.numPending > maxBatchTokens
      this.#take(plan, sequence, sequence.isLong ? bound : maxBatchTokens)
    }
    return plan.entries.length > 0 ? plan : undefined
  }

  /**
   * The token that `entry` sampled. Its row was finite, which attests to all that the sequence has
   * computed up to there: others may use its full pages.
   */
  append({ sequence, start, count }: PlanEntry, tokenId: number): void {
    if (sequence.state === 'running') this.#cache?.publish(sequence, start + count)
    sequence.numUnknown--
    sequence.append(tokenId)
  }

  /** Takes up again what {@link cancel} gave back; false where the sequence is no longer there. */
  resume({ sequence, start, count, reachesEnd, epoch }: PlanEntry): boolean {
    const isThere = sequence.state === 'running' && sequence.numPreempted === epoch
    if (!isThere || sequence.numComputed !== start) return false
    this.#advance(sequence, count, reachesEnd)
    return true
  }

  /** The step of `plan` and all planned after it are not run, or came to nothing; latest first. */
  cancel(plan: Plan): void {
    for (const { sequence, start, reachesEnd, epoch, rowBefore } of plan.entries) {
      sequence.row = rowBefore
      if (reachesEnd && sequence.wants === 'token') sequence.numUnknown--
      if (sequence.numPreempted === epoch) sequence.numComputed = start
    }
  }

  /**
   * Ends a sequence in any state; once more does nothing. Its pages are free at once: what a step
   * in flight still writes to them comes before what a later step does.
   */
  finish(sequence: Sequence): void {
    if (sequence.state === 'finished') return
    if (sequence.state === 'waiting') this.#waiting.remove(sequence)
    else {
      const at = this.#running.indexOf(sequence)
      if (at >= 0) this.#running.splice(at, 1)
    }
    sequence.state = 'finished'
    this.#free(sequence)
  }

  /** Gives each running sequence the pages of the tokens that it has, in order of rank. */
  #grow(): void {
    for (let i = 0; i < this.#running.length; i++) {
      const sequence = this.#running[i]!
      const missing = this.pagesFor(sequence.numHeld) - sequence.pages.length
      if (missing <= 0) continue
      while (this.#pool.numFree < missing && this.#running.length > i + 1) this.#preemptLast()
      const pages = this.#pool.allocate(missing)
      if (pages === undefined) this.#preemptLast()
      else sequence.pages.push(...pages)
    }
  }

  #preemptLast(): void {
    const sequence = this.#running.pop()!
    this.#free(sequence)
    sequence.numComputed = 0
    sequence.numPreempted++
    sequence.state = 'waiting'
    this.#numPreemptions++
    this.#waiting.add(sequence)
  }

  #admit(): void {
    while (this.#running.length < this.#maxRunning) {
      const sequence = this.#waiting.first
      // One that was put back is computed again from its tokens, so all must be known.
      if (sequence === undefined || sequence.numUnknown > 0) return
      if (!this.#givePages(sequence)) return
      this.#waiting.shift()
      sequence.state = 'running'
      sequence.isLong = false
      let at = this.#running.length
      while (at > 0 && compareRank(sequence, this.#running[at - 1]!) < 0) at--
      this.#running.splice(at, 0, sequence)
    }
  }

  /**
   * All pages of its tokens, or none. One page for each that runs is left, so that the sequence is
   * not put back at once.
   */
  #givePages(sequence: Sequence): boolean {
    const { id, numFree } = this.#blocked
    const mayFit = id !== sequence.id || this.#headroom > numFree || this.#running.length === 0
    if (!mayFit) return false
    const needed = this.pagesFor(sequence.numHeld)
    const found = this.#cache?.take(sequence) ?? []
    const fits = this.#pool.numFree >= needed - found.length + this.#running.length
    const fresh = fits ? this.#pool.allocate(needed - found.length) : undefined
    if (fresh === undefined) {
      this.#pool.release(found)
      this.#blocked = { id: sequence.id, numFree: this.#headroom }
      return false
    }
    sequence.pages = [...found, ...fresh]
    sequence.numComputed = found.length * this.#options.pageSize
    if (sequence.numPreempted === 0) sequence.numCached = sequence.numComputed
    return true
  }

  get #headroom(): number {
    return this.#pool.numFree - this.#running.length
  }

  #take(plan: Plan, sequence: Sequence, bound = Number.POSITIVE_INFINITY): void {
    const { maxBatchTokens, maxLogitRows } = this.#options
    if (sequence.numUnknown > 0 && sequence.editsLogits) return
    const isLogits = sequence.wants === 'logits' || sequence.wants === 'hidden'
    const pending = sequence.numPending
    const most = isLogits ? Math.min(bound, maxLogitRows - plan.numLogitRows) : bound
    const count = Math.min(pending, most, maxBatchTokens - plan.numTokens)
    if (count <= 0) return
    if (isLogits) plan.numLogitRows += count
    const start = sequence.numComputed
    const reachesEnd = count === pending
    const { numPreempted: epoch, row: rowBefore } = sequence
    plan.entries.push({ sequence, start, count, reachesEnd, epoch, rowBefore })
    plan.numTokens += count
    this.#advance(sequence, count, reachesEnd)
  }

  #advance(sequence: Sequence, count: number, reachesEnd: boolean): void {
    sequence.numComputed += count
    if (reachesEnd && sequence.wants === 'token') sequence.numUnknown++
  }

  #free(sequence: Sequence): void {
    this.#pool.release(sequence.pages)
    sequence.pages = []
  }
}
