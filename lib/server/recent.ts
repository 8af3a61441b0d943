/**
 * What happened in the last minutes, second by second, for the status page.
 * @module
 */
import type { RequestFacts } from './metrics.ts'

const keptSeconds = 120
const keptFacts = 512

interface Second {
  at: number
  requests: number
  tokens: number
}

export class Recent {
  readonly #now: () => number
  readonly #seconds: Second[] = []
  readonly #firstTokenMs: number[] = []
  readonly #endToEndMs: number[] = []

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  add(facts: RequestFacts): void {
    this.#second().requests++
    for (const [list, value] of [
      [this.#firstTokenMs, facts.timeToFirstTokenMs],
      [this.#endToEndMs, facts.endToEndMs],
    ] as const) {
      list.push(value)
      if (list.length > keptFacts) list.shift()
    }
  }

  addTokens(count: number): void {
    this.#second().tokens += count
  }

  /** Oldest first, to the second before this one; and the middle and the worst of latencies. */
  snapshot() {
    const now = Math.floor(this.#now() / 1000)
    const bySecond = new Map(this.#seconds.map(second => [second.at, second]))
    const seconds = Array.from({ length: keptSeconds }, (_, i) => {
      const found = bySecond.get(now - keptSeconds + i)
      return [found?.requests ?? 0, found?.tokens ?? 0] as const
    })
    return {
      requestsPerSecond: seconds.map(([requests]) => requests),
      tokensPerSecond: seconds.map(([, tokens]) => tokens),
      timeToFirstTokenMs: quantiles(this.#firstTokenMs),
      endToEndMs: quantiles(this.#endToEndMs),
    }
  }

  #second(): Second {
    const at = Math.floor(this.#now() / 1000)
    let last = this.#seconds.at(-1)
    if (last?.at !== at) {
      last = { at, requests: 0, tokens: 0 }
      this.#seconds.push(last)
      if (this.#seconds.length > keptSeconds + 1) this.#seconds.shift()
    }
    return last
  }
}

function quantiles(values: readonly number[]) {
  if (values.length === 0) return { p50: null, p99: null }
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
  return { p50: at(0.5), p99: at(0.99) }
}
