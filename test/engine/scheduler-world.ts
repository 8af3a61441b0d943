/** A scheduler over pages that remember which tokens were written to them, with faults from a seed. */
import { PagePool } from '../../lib/engine/page-pool.ts'
import { type PageHash, PrefixCache } from '../../lib/engine/prefix-cache.ts'
import { type Plan, type PlanEntry, Scheduler } from '../../lib/engine/scheduler.ts'
import { Sequence } from '../../lib/engine/sequence.ts'
import { maxOvertakes } from '../../lib/engine/wait-queue.ts'
import { seededInts } from './mixes.ts'

export const faultKinds = [
  'abort while waiting',
  'abort between chunks',
  'abort during a chunk',
  'abort during a decode',
  'abort while preempted',
  'abort twice',
  'abort after the end',
  'abort on arrival',
  'row not finite',
  'step fails, one is guilty',
  'step is not run',
  'pages run out',
  'first in line does not fit',
  'larger than the pool',
  'kept page is given up',
  'hashes collide',
  'step stalls',
  'clock jumps back',
  'deadline passes',
  'burst of arrivals',
  'later arrival goes first',
] as const
export type FaultKind = (typeof faultKinds)[number]
export type FaultCounts = Record<FaultKind, number>

export const noFaults = () =>
  Object.fromEntries(faultKinds.map(kind => [kind, 0])) as unknown as FaultCounts

/** Fails with the seed that shows it; `expect` is too slow for millions of steps. */
function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

const vocabSize = 5

/** A plan, and the pages of its entries as they were then. */
interface Flight {
  plan: Plan
  pages: (readonly number[])[]
}

export class SchedulerWorld {
  readonly pool: PagePool
  readonly scheduler: Scheduler
  readonly faults: FaultCounts
  /** FNV of everything that was planned: equal for equal seeds. */
  trace = 2166136261
  readonly #int: (limit: number) => number
  readonly #pageSize: number
  readonly #maxBatchTokens: number
  readonly #maxSequences: number
  /** Tokens as the "device" holds them. */
  readonly #memory: Int32Array
  /** Sequences that have not ended, and their deadlines. */
  readonly #live = new Map<Sequence, number>()
  readonly #holders: Int32Array
  /** Which line each hash was of, in worlds where hashes collide. */
  readonly #hashed = new Map<string, string>()
  /** Planned and not over, the oldest first. */
  readonly #flights: Flight[] = []
  #ended: Sequence | undefined
  #clock = 0
  #nextId = 0
  readonly #collisions: boolean

  constructor(seed: number, faults: FaultCounts) {
    this.faults = faults
    this.#int = seededInts(seed)
    const int = this.#int
    this.#pageSize = 1 + int(6)
    this.#maxBatchTokens = 1 + int(24)
    this.#maxSequences = 1 + int(8)
    this.#collisions = int(4) === 0
    const numPages = 2 + int(24)
    this.pool = new PagePool(numPages)
    this.#holders = new Int32Array(numPages)
    this.#memory = new Int32Array(numPages * this.#pageSize).fill(-1)
    const cache = new PrefixCache(this.pool, this.#pageSize, this.#hash)
    const evict = this.pool.onEvict
    this.pool.onEvict = page => {
      this.faults['kept page is given up']++
      evict(page)
    }
    const sizes = { maxBatchTokens: this.#maxBatchTokens, maxSequences: this.#maxSequences }
    const options = { ...sizes, pageSize: this.#pageSize, maxLogitRows: 4 }
    this.scheduler = new Scheduler(this.pool, options, cache)
  }

  readonly #hash: PageHash = (previous, tokens) => {
    let hash = 0
    for (let i = 0; i < previous.length; i++) hash = Math.imul(hash ^ previous.charCodeAt(i), 31)
    for (const id of tokens) hash = Math.imul(hash ^ (id + 1), 16777619)
    if (!this.#collisions) return String(hash)
    const line = `${previous} ${hash}`
    const short = String(hash & 3)
    if (this.#hashed.has(short) && this.#hashed.get(short) !== line) this.faults['hashes collide']++
    this.#hashed.set(short, line)
    return short
  }

  get numLive(): number {
    return this.#live.size
  }

  /** Arrivals, aborts and one step. */
  tick(mayArrive: boolean): void {
    const int = this.#int
    this.#clock += 1 + int(3)
    if (int(50) === 0) this.#jump(int(2) === 0)
    if (mayArrive && this.#live.size < 20) this.#arrivals()
    if (int(12) === 0) this.#abortOne()
    this.#expire()
    this.#step()
    this.#check()
  }

  #jump(back: boolean): void {
    this.#clock += back ? -40 : 200
    this.faults[back ? 'clock jumps back' : 'step stalls']++
  }

  #arrivals(): void {
    const int = this.#int
    let count = int(3) === 0 ? 1 : 0
    if (int(40) === 0) {
      count = 8
      this.faults['burst of arrivals']++
    }
    for (let i = 0; i < count; i++) this.#arrive()
  }

  #arrive(): void {
    const int = this.#int
    const length = 1 + int(int(8) === 0 ? 60 : 16)
    // Few tokens and few salts: prompts often begin alike.
    const alike = int(3) > 0
    const promptIds = new Int32Array(length)
    for (let i = 0; i < length; i++) promptIds[i] = alike ? i % vocabSize : int(vocabSize)
    const wants = int(10) === 0 ? 'logits' : 'token'
    const sequence = new Sequence({
      id: this.#nextId++,
      promptIds,
      maxTokens: wants === 'logits' ? 0 : 1 + int(20),
      wants,
      priority: int(4) === 0 ? int(3) : 0,
      cacheSalt: int(5) === 0 ? undefined : String(int(2)),
    })
    try {
      this.scheduler.add(sequence)
    } catch {
      const needed = this.scheduler.pagesFor(sequence.maxCached)
      check(needed > this.pool.numPages, 'a request that fits was refused')
      this.faults['larger than the pool']++
      return
    }
    this.#live.set(sequence, this.#clock + 150 + int(2000))
    if (int(25) === 0) this.#finish(sequence, 'abort on arrival')
  }

  #abortOne(): void {
    const int = this.#int
    if (int(4) === 0 && this.#ended !== undefined) {
      this.#finish(this.#ended, 'abort after the end')
      return
    }
    if (this.#live.size === 0) return
    const live = [...this.#live.keys()]
    const preempted = live.find(s => s.state === 'waiting' && s.numPreempted > 0)
    const sequence = preempted ?? live[int(live.length)]!
    this.#finish(sequence, this.#abortKind(sequence))
    if (int(4) === 0) this.#finish(sequence, 'abort twice')
  }

  #expire(): void {
    for (const [sequence, deadline] of this.#live)
      if (this.#clock > deadline) this.#finish(sequence, 'deadline passes')
  }

  #finish(sequence: Sequence, kind?: FaultKind): void {
    if (kind !== undefined) this.faults[kind]++
    this.scheduler.finish(sequence)
    this.#live.delete(sequence)
    this.#ended = sequence
  }

  /** Plans a step or two ahead of the "device", then mostly ends the oldest. */
  #step(): void {
    const int = this.#int
    while (this.#flights.length < 2) {
      if (this.#flights.length === 1 && int(3) === 0) break
      const before = this.scheduler.numPreemptions
      const bound = int(3) === 0 ? int(6) : undefined
      const plan = this.scheduler.schedule(bound === undefined ? undefined : () => bound)
      this.faults['pages run out'] += this.scheduler.numPreemptions - before
      if (plan === undefined) break
      this.#note(plan)
      this.#checkPlan(plan)
      if (int(60) === 0) {
        this.faults['step is not run']++
        this.scheduler.cancel(plan)
        return
      }
      this.#flights.push({ plan, pages: plan.entries.map(e => e.sequence.pages) })
    }
    const flight = this.#flights.shift()
    if (flight === undefined) {
      check(this.#live.size === 0, 'requests are left, but nothing is planned')
      return
    }
    if (int(12) === 0) {
      const { entries } = flight.plan
      const { sequence } = entries[int(entries.length)]!
      this.#finish(sequence, this.#abortKind(sequence))
    }
    if (int(60) === 0) this.#failStep(flight)
    else this.#endStep(flight)
  }

  #endStep({ plan, pages }: Flight): void {
    const int = this.#int
    plan.entries.forEach((entry, i) => {
      this.#run(entry, pages[i]!)
    })
    const guilty = int(50) === 0 ? plan.entries[int(plan.entries.length)] : undefined
    for (const entry of plan.entries) this.#deliver(entry, entry === guilty)
  }

  /** What was planned after it comes to nothing; its sequences are run alone, but the guilty one. */
  #failStep({ plan }: Flight): void {
    this.faults['step fails, one is guilty']++
    const next = this.#flights.pop()
    if (next !== undefined) this.scheduler.cancel(next.plan)
    this.scheduler.cancel(plan)
    const guilty = plan.entries[this.#int(plan.entries.length)]!
    this.#finish(guilty.sequence)
    for (const entry of plan.entries) {
      if (!this.scheduler.resume(entry)) continue
      this.#run(entry, entry.sequence.pages)
      this.#deliver(entry, false)
    }
  }

  #note({ entries }: Plan): void {
    for (const sequence of this.#live.keys()) {
      if (sequence.state !== 'waiting') continue
      this.faults['first in line does not fit']++
      const later = entries.some(e => e.sequence.id > sequence.id && e.start === 0)
      if (later) this.faults['later arrival goes first']++
      return
    }
  }

  /**
   * Writes the chunk, whoever owns its pages by now, and where an answer depends on it, reads the
   * whole line back.
   */
  #run({ sequence, start, count, reachesEnd }: PlanEntry, pages: readonly number[]): void {
    const line = sequence.tokens()
    const end = start + count
    this.trace = Math.imul(this.trace ^ (sequence.id * 64 + count), 16777619)
    for (let i = start; i < end; i++) this.#memory[this.#slot(pages, i)] = line[i] ?? -2
    if (!reachesEnd || sequence.state !== 'running') return
    check(end <= line.length, 'a token is not known when it is run')
    for (let i = 0; i < end; i++)
      check(this.#memory[this.#slot(pages, i)] === line[i], 'a page was written over')
  }

  #slot(pages: readonly number[], position: number): number {
    const page = pages[Math.floor(position / this.#pageSize)]
    check(page !== undefined, 'a position has no page')
    return page * this.#pageSize + (position % this.#pageSize)
  }

  #deliver(entry: PlanEntry, guilty: boolean): void {
    const { sequence, reachesEnd } = entry
    if (sequence.state === 'finished' || !reachesEnd) return
    if (guilty) {
      this.#finish(sequence, 'row not finite')
      return
    }
    if (sequence.wants === 'token') this.scheduler.append(entry, this.#int(vocabSize))
    const isOver = sequence.numGenerated >= sequence.maxTokens
    if (isOver || this.#int(40) === 0) this.#finish(sequence)
  }

  #checkPlan({ entries, numTokens }: Plan): void {
    check(numTokens <= this.#maxBatchTokens, 'more tokens than a step takes')
    check(entries.length <= this.#maxSequences, 'more sequences than a step takes')
    let tokens = 0
    let rows = 0
    for (const { sequence, start, count, reachesEnd } of entries) {
      check(sequence.state === 'running', 'a sequence that does not run is planned')
      check(start + count === sequence.numComputed && count > 0, 'a chunk does not follow the last')
      const sampled = reachesEnd && sequence.wants === 'token' ? 1 : 0
      const known = sequence.length + sequence.numUnknown - sampled
      check(start + count <= known, 'a chunk goes past the line')
      check(sequence.numUnknown - sampled <= 1, 'two tokens are unknown')
      tokens += count
      if (sequence.wants === 'logits') rows += count
    }
    check(tokens === numTokens && rows <= 4, 'a plan does not add up')
  }

  /** Pages: free and used are all, each count is its holders. No one is overtaken without end. */
  #check(): void {
    const holders = this.#holders.fill(0)
    let running = 0
    for (const sequence of this.#live.keys()) {
      for (const page of sequence.pages) holders[page]!++
      if (sequence.state === 'running') running++
      else check(sequence.pages.length === 0, 'a sequence that waits holds pages')
      check(sequence.numOvertaken <= maxOvertakes, 'a sequence was overtaken too often')
    }
    check(running === this.scheduler.numRunning, 'running sequences are lost')
    check(this.#live.size - running === this.scheduler.numWaiting, 'waiting sequences are lost')
    let used = 0
    for (let page = 0; page < holders.length; page++) {
      check(holders[page] === this.pool.holders(page), 'a count is not its holders')
      if (holders[page]! > 0) used++
    }
    check(used === this.pool.numUsed, 'pages are lost')
    check(this.pool.numFree + used === this.pool.numPages, 'free and used are not all pages')
  }

  #abortKind(sequence: Sequence): FaultKind {
    if (sequence.state === 'waiting')
      return sequence.numPreempted > 0 ? 'abort while preempted' : 'abort while waiting'
    const flight = this.#flights.find(f => f.plan.entries.some(e => e.sequence === sequence))
    if (flight === undefined) return 'abort between chunks'
    return sequence.isPrefill ? 'abort during a chunk' : 'abort during a decode'
  }
}
