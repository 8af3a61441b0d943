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
    const promptIds = Array.from({ length }, (_, i) => (alike ? i % vocabSize : int(vocabSize)))
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
    this.#finish(sequence, abortKind(sequence))
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

  #step(): void {
    const int = this.#int
    const before = this.scheduler.numPreemptions
    const plan = this.scheduler.schedule(int(3) === 0 ? int(6) : undefined)
    this.faults['pages run out'] += this.scheduler.numPreemptions - before
    if (plan === undefined) {
      check(this.#live.size === 0, 'requests are left, but nothing is planned')
      return
    }
    this.#note(plan)
    this.#checkPlan(plan)
    if (int(60) === 0) {
      this.faults['step is not run']++
      this.scheduler.cancel(plan)
      return
    }
    for (const entry of plan.entries) this.#run(entry)
    if (int(12) === 0) {
      const { sequence } = plan.entries[int(plan.entries.length)]!
      this.#finish(sequence, abortKind(sequence))
    }
    const guilty = int(50) === 0 ? plan.entries[int(plan.entries.length)]!.sequence : undefined
    this.scheduler.commit(plan)
    for (const entry of plan.entries) this.#deliver(entry, entry.sequence === guilty)
  }

  #note({ entries }: Plan): void {
    for (const sequence of this.#live.keys()) {
      if (sequence.state !== 'waiting') continue
      this.faults['first in line does not fit']++
      const later = entries.some(e => e.sequence.id > sequence.id && e.sequence.numComputed === 0)
      if (later) this.faults['later arrival goes first']++
      return
    }
  }

  /** Writes the chunk and, where an answer depends on it, reads the whole line back. */
  #run({ sequence, start, count, reachesEnd }: PlanEntry): void {
    const line = sequence.tokens()
    for (let i = start; i < start + count; i++) this.#memory[this.#slot(sequence, i)] = line[i]!
    this.trace = Math.imul(this.trace ^ (sequence.id * 64 + count), 16777619)
    if (!reachesEnd) return
    for (let i = 0; i < start + count; i++)
      check(this.#memory[this.#slot(sequence, i)] === line[i], 'a page was written over')
  }

  #slot(sequence: Sequence, position: number): number {
    const page = sequence.pages[Math.floor(position / this.#pageSize)]
    check(page !== undefined, 'a position has no page')
    return page * this.#pageSize + (position % this.#pageSize)
  }

  #deliver({ sequence, reachesEnd }: PlanEntry, guilty: boolean): void {
    if (sequence.state === 'finished') return
    if (guilty) this.#finish(sequence, reachesEnd ? 'row not finite' : 'step fails, one is guilty')
    else if (reachesEnd) {
      if (sequence.wants === 'token') {
        this.scheduler.publish(sequence)
        sequence.append(this.#int(vocabSize))
      }
      if (sequence.numGenerated >= sequence.maxTokens) this.#finish(sequence)
    }
  }

  #checkPlan({ entries, numTokens }: Plan): void {
    check(numTokens <= this.#maxBatchTokens, 'more tokens than a step takes')
    check(entries.length <= this.#maxSequences, 'more sequences than a step takes')
    let tokens = 0
    let rows = 0
    for (const { sequence, start, count } of entries) {
      check(sequence.state === 'running', 'a sequence that does not run is planned')
      check(start === sequence.numComputed && count > 0, 'a chunk does not follow the last')
      check(start + count <= sequence.length, 'a chunk goes past the line')
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
}

function abortKind(sequence: Sequence): FaultKind {
  if (sequence.state === 'waiting')
    return sequence.numPreempted > 0 ? 'abort while preempted' : 'abort while waiting'
  if (!sequence.inFlight) return 'abort between chunks'
  return sequence.isPrefill ? 'abort during a chunk' : 'abort during a decode'
}
