import type { EngineHost } from '../../lib/engine/model.ts'
import type { CacheSizes, NativeSamplingParams, StepBatch, StepResult } from '../../lib/native.ts'

export interface FakeOptions {
  vocabSize: number
  pageSize: number
  numPages: number
  /** Called before each step; what it throws rejects the step. */
  beforeStep?: (batch: StepBatch) => void | Promise<void>
  /** The next token of a line of tokens; −1: a numerical error. */
  next?: (tokens: number[]) => number
}

/** FNV over a line of tokens. */
export function hashNext(tokens: readonly number[], vocabSize: number): number {
  let hash = 2166136261
  for (const id of tokens) hash = Math.imul(hash ^ (id + 1), 16777619) >>> 0
  return hash % vocabSize
}

/** Two sparse layers, two experts a token: layer and position. */
function fakeRoutes({ positions }: StepBatch): Int32Array {
  const layer = (l: number) => Array.from(positions, position => [l, position]).flat()
  return Int32Array.from([...layer(0), ...layer(1)])
}

/** (rows, 2): the position and its token id. */
function fakeHidden({ logitRows, positions, tokenIds }: StepBatch): Float32Array {
  return Float32Array.from(Array.from(logitRows, r => [positions[r]!, tokenIds[r]!]).flat())
}

function resultOf(tokenIds: Int32Array, status: Int32Array): StepResult {
  const none = { logits: null, routes: null, hidden: null, topN: 0, ms: 0, idleMs: 0 }
  return {
    tokenIds,
    status,
    logprobs: new Float32Array(tokenIds.length).fill(-1),
    topIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
    ...none,
  }
}

type FakeHost = EngineHost['executor']

/**
 * Stands in for the native executor: the "cache" holds token ids, and the next token is a hash of
 * the whole line as read back through the page table, so wrong pages, positions or chunks change
 * the answer.
 */
export class FakeExecutor implements FakeHost {
  readonly samplers = new Map<number, { params: NativeSamplingParams; generated: number }>()
  readonly steps: { numTokens: number; numSequences: number }[] = []
  disposed = 0
  /** What `failure` says. */
  lost = ''
  readonly #options: FakeOptions
  readonly caches = new Map<number, Int32Array>()
  /** By the last step of each cache. */
  readonly #sampled = new Map<number, Int32Array>()
  /** The last step of each cache. */
  readonly #queued = new Map<number, { isClaimed: boolean }>()
  #last: Promise<unknown> = Promise.resolve()
  #nextHandle = 0
  #nextCache = 0

  constructor(options: FakeOptions) {
    this.#options = options
    this.#addCache(options.numPages)
  }

  async openCache({ numPages }: CacheSizes): Promise<number> {
    return this.#addCache(numPages)
  }

  failure(): string {
    return this.lost
  }

  closeCache(handle: number): void {
    this.caches.delete(handle)
  }

  /** Two layers of three experts. */
  expertCounts(): Float64Array {
    return Float64Array.of(4, 1, 1, 0, 0, 0)
  }

  async profile(): Promise<Float64Array> {
    return new Float64Array()
  }

  #addCache(numPages: number): number {
    const slots = new Int32Array(numPages * this.#options.pageSize).fill(-1)
    this.caches.set(this.#nextCache, slots)
    return this.#nextCache++
  }

  openSampler(params: NativeSamplingParams, _prompt: Int32Array, generated: Int32Array): number {
    this.samplers.set(this.#nextHandle, { params, generated: generated.length })
    return this.#nextHandle++
  }

  /** The largest logit, or none where it is NaN. */
  sample(handle: number, logits: Float32Array): StepResult {
    const sampler = this.samplers.get(handle)
    if (sampler === undefined) throw new Error(`sampler ${handle} is not open`)
    sampler.generated++
    const id = logits.some(Number.isNaN) ? -1 : logits.indexOf(Math.max(...logits))
    return resultOf(Int32Array.of(id), Int32Array.of(id < 0 ? 1 : 0))
  }

  closeSampler(handle: number): void {
    this.samplers.delete(handle)
  }

  async dispose(): Promise<void> {
    this.disposed++
  }

  /** Steps run one after the other, each batch as it was at the call. */
  step(given: StepBatch): Promise<StepResult> {
    const batch = structuredClone(given)
    const job = { isClaimed: false }
    this.#queued.set(batch.cache ?? 0, job)
    const run = this.#last.then(() => {
      if (job.isClaimed) throw new Error('taken back')
      job.isClaimed = true
      return this.#step(batch)
    })
    this.#last = run.catch(() => {})
    return run
  }

  retract(cache = 0): boolean {
    const job = this.#queued.get(cache)
    if (job === undefined || job.isClaimed) return false
    job.isClaimed = true
    return true
  }

  async #step(batch: StepBatch): Promise<StepResult> {
    const cache = batch.cache ?? 0
    const sampled = this.#sampled.get(cache)
    this.#sampled.delete(cache)
    batch.tokenIds.forEach((id, i) => {
      if (id >= 0) return
      if (sampled?.[-1 - id] === undefined) throw new Error(`no row ${-1 - id} before`)
      batch.tokenIds[i] = Math.max(0, sampled[-1 - id]!)
    })
    await this.#options.beforeStep?.(batch)
    // A real step is a task of its own: others get their turn.
    await new Promise(resolve => setImmediate(resolve))
    this.steps.push({ numTokens: batch.tokenIds.length, numSequences: batch.kvLengths.length })
    const lines = Array.from(batch.kvLengths, (_, s) => this.#runSequence(batch, s))
    const result = this.#results(batch, lines)
    this.#sampled.set(cache, result.tokenIds)
    return result
  }

  #runSequence(batch: StepBatch, s: number): number[] {
    const { pageSize } = this.#options
    const cache = this.caches.get(batch.cache ?? 0)
    if (cache === undefined) throw new Error(`cache ${batch.cache} is not open`)
    const pages = batch.pageTables.subarray(s * batch.maxPages, (s + 1) * batch.maxPages)
    const slot = (position: number) => {
      const page = pages[Math.floor(position / pageSize)] ?? -1
      if (page < 0) throw new Error(`position ${position} has no page`)
      return page * pageSize + (position % pageSize)
    }
    for (let t = batch.queryStarts[s]!; t < batch.queryStarts[s + 1]!; t++)
      cache[slot(batch.positions[t]!)] = batch.tokenIds[t]!
    const length = batch.kvLengths[s]!
    return Array.from({ length }, (_, position) => cache[slot(position)]!)
  }

  #results(batch: StepBatch, lines: number[][]): StepResult {
    const rows = batch.logitRows.length
    const { vocabSize } = this.#options
    const next = this.#options.next ?? (tokens => hashNext(tokens, vocabSize))
    const tokenIds = new Int32Array(rows).fill(-1)
    const status = new Int32Array(rows)
    const isGiven = (r: number) => batch.wantLogits || batch.samplers[r] === -2
    const given = Array.from({ length: rows }, (_, r) => r).filter(isGiven)
    const logits = given.length > 0 ? new Float32Array(given.length * vocabSize) : null
    batch.logitRows.forEach((token, r) => {
      const s = batch.queryStarts.findLastIndex(start => start <= token)
      const line = lines[s]!.slice(0, batch.positions[token]! + 1)
      const id = next(line)
      if (isGiven(r))
        logits![given.indexOf(r) * vocabSize + Math.max(id, 0)] = id < 0 ? Number.NaN : 1
      const sampler = this.samplers.get(batch.samplers[r]!)
      if (sampler === undefined) return
      sampler.generated++
      tokenIds[r] = id
      status[r] = id < 0 ? 1 : 0
    })
    return {
      ...resultOf(tokenIds, status),
      logits,
      routes: batch.wantRoutes === true ? fakeRoutes(batch) : null,
      hidden: batch.wantHidden === true ? fakeHidden(batch) : null,
    }
  }
}
