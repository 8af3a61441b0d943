/**
 * Steps over one native cache whose arrays cross the boundary as one: a batch in, results out, in
 * memory that is used again.
 * @module
 */
import type { Executor, StepBatch, StepResult } from '../native.ts'
import type { StepExecutor } from './model-runner.ts'

/** Numbers before the arrays of packed results. */
const numHeader = 8
/** In the flags of a packed batch: its tokens are not counted. */
const noCounts = 8
/** Steps of one cache that may be under way at once, with one taken back among them. */
const depth = 3

/** What steps over a cache need; a fake executor has no packed steps. */
export type StepHost = Omit<StepExecutor, 'retract' | 'failure'> &
  Partial<Pick<Executor, 'stepPacked' | 'retract' | 'failure'>>

/**
 * An executor over one of its caches. `maxRows`: results of steps with more rows, or with many
 * alternatives, come in arrays of their own.
 */
export function overCache(
  executor: StepHost,
  options: {
    cache: number
    maxRows: number
    /** Default true. */
    countsExperts?: boolean
    dispose: () => Promise<void>
  },
): StepExecutor {
  const { cache, maxRows, countsExperts = true, dispose } = options
  const steps = new PackedSteps(executor, cache, maxRows, countsExperts)
  return {
    step: batch => steps.step(batch),
    retract: () => executor.retract?.(cache) ?? false,
    failure: () => executor.failure?.() ?? '',
    sample: (handle, logits) => executor.sample(handle, logits),
    openSampler: (...args) => executor.openSampler(...args),
    closeSampler: handle => executor.closeSampler(handle),
    dispose,
  }
}

class PackedSteps {
  readonly #executor: StepHost
  readonly #cache: number
  readonly #flags: number
  readonly #results: ResultArrays[]
  #next = 0

  constructor(executor: StepHost, cache: number, maxRows: number, countsExperts: boolean) {
    this.#flags = countsExperts ? 0 : noCounts
    this.#executor = executor
    this.#cache = cache
    this.#results = Array.from({ length: depth }, () => new ResultArrays(numHeader + 16 * maxRows))
  }

  step(batch: StepBatch): Promise<StepResult> {
    const { packed } = batch
    if (packed === undefined || this.#executor.stepPacked === undefined)
      return this.#executor.step({ ...batch, cache: this.#cache })
    packed[4] = this.#cache
    packed[5]! |= this.#flags
    const results = this.#results[this.#next++ % depth]!
    return this.#executor.stepPacked(packed, results.words).then(rest => results.read(rest))
  }
}

class ResultArrays {
  readonly words: Int32Array
  readonly #floats: Float32Array

  constructor(size: number) {
    this.words = new Int32Array(size)
    this.#floats = new Float32Array(this.words.buffer)
  }

  /** Views that are valid until the next step but one. */
  read(rest: Awaited<ReturnType<Executor['stepPacked']>>): StepResult {
    if (rest !== null && 'tokenIds' in rest) return rest
    const rows = this.words[0]!
    const topN = this.words[1]!
    let at = numHeader
    const take = <T extends Int32Array | Float32Array>(array: T, count: number): T => {
      at += count
      return array.subarray(at - count, at) as T
    }
    return {
      tokenIds: take(this.words, rows),
      status: take(this.words, rows),
      logprobs: take(this.#floats, rows),
      topIds: take(this.words, rows * topN),
      topLogprobs: take(this.#floats, rows * topN),
      topN,
      logits: rest?.logits ?? null,
      routes: rest?.routes ?? null,
      hidden: rest?.hidden ?? null,
      ms: this.#floats[2]!,
      idleMs: this.#floats[3]!,
    }
  }
}
