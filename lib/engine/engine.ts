/**
 * The loop: schedule → build → step → deliver, while there is work. While a step runs, the next one
 * is queued behind it already: its newest tokens go from one to the other natively.
 * @module
 */
import { ConclaveError, fromNative } from '../errors.ts'
import type { StepResult } from '../native.ts'
import { BatchBuilder } from './batch.ts'
import { ModelRunner, readOutputs, type StepExecutor, type StepOutput } from './model-runner.ts'
import { Pace } from './pace.ts'
import { PagePool } from './page-pool.ts'
import { keyedHash, type PageHash, PrefixCache } from './prefix-cache.ts'
import type { EngineRequest, FinishReason } from './request.ts'
import { type Plan, type PlanEntry, Scheduler } from './scheduler.ts'
import type { Sequence } from './sequence.ts'

export interface EngineParts {
  executor: StepExecutor
  maxBatchTokens: number
  maxSequences: number
  pageSize: number
  numPages: number
  /** Longest sequence, in tokens. */
  maxContext: number
  /** Most rows of logits that one step returns for a request of `logits`. */
  maxLogitRows: number
  /** How prefixes are told apart. Default: under a random key. */
  pageHash?: PageHash
  /** Milliseconds; only differences matter. */
  now: () => number
}

/** A step that was handed over. */
interface Step {
  plan: Plan
  result: Promise<StepResult>
}

/** What an engine holds now, and what it has done since it was made. */
export interface EngineCounts {
  /** Requests. */
  running: number
  waiting: number
  /** Times that a request gave its pages up and was computed again. */
  preemptions: number
  steps: number
  promptTokens: number
  /** Prompt tokens that the prefix cache spared. */
  cachedTokens: number
  generatedTokens: number
  /** KV pages: `used` by requests; `cached` for their contents, some of them in use as well. */
  pages: { total: number; used: number; cached: number }
}

/**
 * Runs any number of requests on one model in shared steps. An error ends one request, never the
 * engine.
 */
export class Engine {
  readonly #pool: PagePool
  readonly #scheduler: Scheduler
  readonly #runner: ModelRunner
  readonly #cache: PrefixCache
  readonly #pace = new Pace()
  readonly #now: () => number
  readonly #requests = new Map<Sequence, EngineRequest>()
  #loop: Promise<void> | undefined
  #running: Step | undefined
  #queued: Step | undefined
  #disposed: Promise<void> | undefined
  #nextId = 0
  readonly #counts = { steps: 0, promptTokens: 0, cachedTokens: 0, generatedTokens: 0 }

  constructor(options: EngineParts) {
    const { maxBatchTokens, pageSize, now } = options
    const maxSequences = Math.min(options.maxSequences, maxBatchTokens)
    const maxPages = Math.ceil(options.maxContext / pageSize)
    this.#pool = new PagePool(options.numPages)
    this.#cache = new PrefixCache(this.#pool, pageSize, options.pageHash ?? keyedHash())
    this.#scheduler = new Scheduler(this.#pool, { ...options, maxSequences }, this.#cache)
    const batches = new BatchBuilder({ maxBatchTokens, maxSequences, maxPages })
    this.#runner = new ModelRunner(options.executor, batches)
    this.#now = now
  }

  get now(): () => number {
    return this.#now
  }

  /** A number for the next sequence. */
  nextId(): number {
    return this.#nextId++
  }

  stats(): EngineCounts {
    return {
      running: this.#scheduler.numRunning,
      waiting: this.#scheduler.numWaiting,
      preemptions: this.#scheduler.numPreemptions,
      ...this.#counts,
      pages: {
        total: this.#pool.numPages,
        used: this.#pool.numUsed,
        cached: this.#cache.numPages,
      },
    }
  }

  /**
   * Why no request will ever be answered again: the device failed for this process. Undefined while
   * all is well.
   */
  get failure(): ConclaveError | undefined {
    return this.isDisposed ? undefined : this.#runner.failure()
  }

  /**
   * Takes a request; its `end` or `fail` is called later. Throws `disposed`, `kv_capacity`, or
   * `engine_failed` where the device failed.
   */
  submit(request: EngineRequest): void {
    this.assertAlive()
    const { failure } = this
    if (failure !== undefined) throw failure
    this.#scheduler.add(request.sequence)
    this.#requests.set(request.sequence, request)
    if (this.#loop === undefined) this.#loop = this.#run()
    else this.#planAgain()
  }

  /** Ends a request with `aborted`, in any state; its pages are free at once. */
  abort(request: EngineRequest): void {
    this.#planAgain()
    this.#finish(request, 'aborted')
  }

  /** Ends a request with an error, in any state. */
  fail(request: EngineRequest, error: ConclaveError): void {
    this.#planAgain()
    this.#fail(request, error)
  }

  /**
   * Ends every request with `aborted` and frees native memory after the step in progress.
   * Idempotent.
   */
  dispose(): Promise<void> {
    this.#disposed ??= this.#shutDown()
    return this.#disposed
  }

  get isDisposed(): boolean {
    return this.#disposed !== undefined
  }

  assertAlive(): void {
    if (this.#disposed !== undefined)
      throw new ConclaveError(
        'disposed',
        'Expected a live model, but it was disposed. Load it again to use it.',
      )
  }

  async #shutDown(): Promise<void> {
    for (const request of [...this.#requests.values()]) this.abort(request)
    await this.#loop
    await this.#runner.dispose()
  }

  async #run(): Promise<void> {
    // Requests that came together, each on a connection of its own, share the first step.
    await new Promise(resolve => setImmediate(resolve))
    try {
      this.#running = this.#launch()
      while (this.#running !== undefined) {
        this.#planAhead()
        await this.#finishStep(this.#running)
        this.#running = this.#queued ?? this.#launch()
        this.#queued = undefined
      }
    } catch (error) {
      for (const request of [...this.#requests.values()]) this.#fail(request, error)
    } finally {
      this.#running = undefined
      this.#queued = undefined
      this.#loop = undefined
    }
  }

  #planAhead(): void {
    if (this.#running === undefined || this.#queued !== undefined) return
    if (this.#scheduler.mayPlanAhead) this.#queued = this.#launch()
  }

  /** The queued step, if it has not begun, is planned anew with what has changed since. */
  #planAgain(): void {
    if (this.#queued === undefined || !this.#runner.retract()) return
    this.#scheduler.cancel(this.#queued.plan)
    this.#queued = undefined
    // What else changes in this tick counts too.
    queueMicrotask(() => this.#planAhead())
  }

  /** Plans a step and queues it behind the one that runs. */
  #launch(): Step | undefined {
    const plan = this.#schedule()
    if (plan === undefined) return undefined
    const result = this.#runner.run(plan)
    // Whoever awaits it hears of an error; nobody may be left.
    result.catch(() => {})
    return { plan, result }
  }

  async #finishStep({ plan, result: running }: Step): Promise<void> {
    let result: StepResult
    try {
      result = await running
    } catch (error) {
      return this.#recover(plan, fromNative(error))
    }
    this.#pace.note(result.ms, plan.numDecodes, plan.numTokens - plan.numDecodes)
    this.#counts.steps++
    const outputs = readOutputs(plan, result)
    const now = this.#now()
    for (let i = 0; i < outputs.length; i++) this.#deliver(plan.entries[i]!, outputs[i]!, now)
  }

  /**
   * Of a step that failed each sequence is run alone, so that only the guilty one ends. The queued
   * step, which counts on it, comes to nothing. A failed device ends all.
   */
  async #recover(plan: Plan, error: ConclaveError): Promise<void> {
    const queued = this.#queued
    // Nothing is planned meanwhile.
    this.#running = undefined
    this.#queued = undefined
    await queued?.result.catch(() => {})
    if (this.failure !== undefined) throw error
    const plans = queued === undefined ? [plan] : [queued.plan, plan]
    for (const each of plans) this.#scheduler.cancel(each)
    const entries = plans.flatMap(each => each.entries)
    for (const sequence of new Set(entries.map(e => e.sequence))) this.#reopen(sequence)
    const isAlone = plan.entries.length === 1
    for (const entry of plan.entries) {
      if (!this.#scheduler.resume(entry)) continue
      const output = isAlone ? ({ kind: 'error', error } as const) : this.#runner.runAlone(entry)
      this.#deliver(entry, await output, this.#now())
    }
  }

  #reopen(sequence: Sequence): void {
    const request = this.#requests.get(sequence)
    if (request === undefined) return
    try {
      this.#runner.reopen(sequence)
    } catch (error) {
      this.#fail(request, error)
    }
  }

  /**
   * The next plan, with a sampler open for each of its sequences. One whose sampler cannot be
   * opened fails alone.
   */
  #schedule(): Plan | undefined {
    for (;;) {
      const plan = this.#scheduler.schedule(decodes => this.#pace.longPromptTokens(decodes))
      if (plan === undefined || plan.entries.every(e => this.#begin(e.sequence))) return plan
      this.#scheduler.cancel(plan)
    }
  }

  #begin(sequence: Sequence): boolean {
    const request = this.#requests.get(sequence)!
    if (request.times.started !== undefined) return true
    try {
      if (request.sampling !== null) this.#runner.open(sequence, request.sampling)
      request.times.started = this.#now()
      this.#counts.promptTokens += sequence.numPromptTokens
      this.#counts.cachedTokens += sequence.numCached
      return true
    } catch (error) {
      this.#fail(request, error)
      return false
    }
  }

  #deliver(entry: PlanEntry, given: StepOutput, now: number): void {
    const { sequence } = entry
    const request = this.#requests.get(sequence)
    if (request === undefined) return
    try {
      if (given.routes !== undefined) request.trace?.(given.routes)
      if (given.kind === 'none') return
      const output = given.kind === 'row' ? this.#sampleEdited(request, given.logits) : given
      if (output.kind === 'error') throw output.error
      if (output.kind === 'token') {
        this.#scheduler.append(entry, output.tokenId)
        this.#counts.generatedTokens++
        request.times.lastToken = now
        request.times.firstToken ??= request.times.lastToken
      }
      const reason = request.accept(output)
      if (reason !== undefined) this.#finish(request, reason)
    } catch (error) {
      this.#fail(request, error)
    }
  }

  #sampleEdited(request: EngineRequest, logits: Float32Array): StepOutput {
    request.edit?.(logits)
    return this.#runner.sample(request.sequence, logits)
  }

  #finish(request: EngineRequest, reason: FinishReason): void {
    if (!this.#remove(request)) return
    try {
      request.end(reason)
    } catch (error) {
      request.fail(fromNative(error))
    }
  }

  #fail(request: EngineRequest, error: unknown): void {
    if (this.#remove(request)) request.fail(fromNative(error))
  }

  #remove(request: EngineRequest): boolean {
    if (!this.#requests.delete(request.sequence)) return false
    this.#scheduler.finish(request.sequence)
    this.#runner.close(request.sequence)
    return true
  }
}
