/**
 * Counts and histograms by vLLM's names, so that its dashboards read them.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { EngineStats } from '../engine/model-engine.ts'
import type { ConclaveError } from '../errors.ts'
import type { GuardCount } from '../guard/guard.ts'
import { Recent } from './recent.ts'

/** One request that is over. */
export interface RequestFacts {
  promptTokens: number
  completionTokens: number
  finishReason: string
  queueMs: number
  prefillMs: number
  decodeMs: number
  timeToFirstTokenMs: number
  endToEndMs: number
}

const seconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160,
]
const interToken = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5,
]
const tokens = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000,
]

export class ServerMetrics {
  readonly registry = new Registry()
  readonly recent = new Recent()
  readonly #stats: () => EngineStats | undefined
  readonly #histograms: Record<HistogramName, Histogram>
  readonly #finished: Counter<'model_name' | 'finished_reason'>
  readonly #refused: Counter<'model_name' | 'status'>

  constructor(modelName: string, stats: () => EngineStats | undefined) {
    this.#stats = stats
    this.registry.setDefaultLabels({ model_name: modelName })
    this.#engineMetrics()
    this.#expertMetrics()
    this.#histograms = this.#makeHistograms()
    const registers = [this.registry]
    this.#finished = new Counter({
      name: 'vllm:request_success_total',
      help: 'Answers by what ended them; error: it failed, abort: the client went away',
      labelNames: ['model_name', 'finished_reason'],
      registers,
    })
    this.#refused = new Counter({
      name: 'conclave:requests_refused_total',
      help: 'Requests that got an error, by HTTP status; in a stream, by what it would have been',
      labelNames: ['model_name', 'status'],
      registers,
    })
  }

  /** Tells what a guard found: `counts` of it, which only grow. */
  watch(counts: () => readonly GuardCount[]): void {
    const before = new Map<string, number>()
    new Counter({
      name: 'conclave:guard_matches_total',
      help: 'What the guard found, by category, action and direction',
      labelNames: ['category', 'action', 'direction'],
      registers: [this.registry],
      collect() {
        for (const { count, ...labels } of counts()) {
          const name = Object.values(labels).join()
          this.inc(labels, count - (before.get(name) ?? 0))
          before.set(name, count)
        }
      },
    })
  }

  finished(facts: RequestFacts): void {
    const h = this.#histograms
    this.recent.add(facts)
    this.#finished.inc({ finished_reason: facts.finishReason })
    h.time_to_first_token_seconds.observe(facts.timeToFirstTokenMs / 1000)
    h.e2e_request_latency_seconds.observe(facts.endToEndMs / 1000)
    h.request_queue_time_seconds.observe(facts.queueMs / 1000)
    h.request_prefill_time_seconds.observe(facts.prefillMs / 1000)
    h.request_decode_time_seconds.observe(facts.decodeMs / 1000)
    h.request_inference_time_seconds.observe((facts.prefillMs + facts.decodeMs) / 1000)
    h.request_prompt_tokens.observe(facts.promptTokens)
    h.request_generation_tokens.observe(facts.completionTokens)
    if (facts.completionTokens > 1)
      h.request_time_per_output_token_seconds.observe(
        facts.decodeMs / 1000 / (facts.completionTokens - 1),
      )
  }

  /** Answers that were begun and not read to their end; an error ended them, or the client. */
  unfinished(answers: number, error: ConclaveError | undefined): void {
    const isClients = error === undefined || error.code === 'aborted'
    this.#finished.inc({ finished_reason: isClients ? 'abort' : 'error' }, answers)
  }

  /** A piece of an answer, and the time since the one before, if there was one. */
  piece(numTokens: number, ms: number | undefined): void {
    this.recent.addTokens(numTokens)
    if (ms === undefined) return
    this.#histograms.inter_token_latency_seconds.observe(ms / 1000)
  }

  refused(status: number): void {
    this.#refused.inc({ status: String(status) })
  }

  #makeHistograms(): Record<HistogramName, Histogram> {
    const entries = Object.entries(histogramKinds).map(([name, [help, buckets]]) => [
      name,
      new Histogram({ name: `vllm:${name}`, help, buckets, registers: [this.registry] }),
    ])
    return Object.fromEntries(entries)
  }

  #engineMetrics(): void {
    const registers = [this.registry]
    for (const [name, help, read] of gauges) {
      const stats = this.#stats
      new Gauge({
        name: `vllm:${name}`,
        help,
        registers,
        collect() {
          const now = stats()
          if (now !== undefined) this.set(read(now))
        },
      })
    }
    for (const [name, help, read] of counters) {
      const stats = this.#stats
      let before = 0
      new Counter({
        name: `vllm:${name}`,
        help,
        registers,
        collect() {
          const now = stats()
          if (now === undefined) return
          const value = read(now)
          this.inc(Math.max(0, value - before))
          before = Math.max(before, value)
        },
      })
    }
  }

  /** What no other server shows: where the tokens went. */
  #expertMetrics(): void {
    const stats = this.#stats
    const registers = [this.registry]
    new Gauge({
      name: 'conclave:expert_imbalance',
      help: 'Tokens of the busiest expert over the mean, by sparse layer',
      labelNames: ['layer'],
      registers,
      collect() {
        for (const { layer, imbalance } of stats()?.experts ?? []) this.set({ layer }, imbalance)
      },
    })
    new Gauge({
      name: 'conclave:expert_tokens',
      help: 'Tokens that chose each expert since the engine was made',
      labelNames: ['layer', 'expert'],
      registers,
      collect() {
        for (const { layer, tokens } of stats()?.experts ?? [])
          for (const [expert, n] of tokens.entries()) this.set({ layer, expert }, n)
      },
    })
  }
}

const histogramKinds = {
  time_to_first_token_seconds: ['Time to first token', seconds],
  inter_token_latency_seconds: ['Time between two pieces of an answer', interToken],
  request_time_per_output_token_seconds: ['Mean time per output token of a request', interToken],
  e2e_request_latency_seconds: ['Time of a whole request', seconds],
  request_queue_time_seconds: ['Time in the queue', seconds],
  request_prefill_time_seconds: ['Time in prefill', seconds],
  request_decode_time_seconds: ['Time in decode', seconds],
  request_inference_time_seconds: ['Time in prefill and decode', seconds],
  request_prompt_tokens: ['Prompt tokens of a request', tokens],
  request_generation_tokens: ['Generated tokens of a request', tokens],
} as const satisfies Record<string, readonly [string, number[]]>

type HistogramName = keyof typeof histogramKinds
type Row = readonly [string, string, (stats: EngineStats) => number]

const gauges: readonly Row[] = [
  ['num_requests_running', 'Requests that share the steps', s => s.running],
  ['num_requests_waiting', 'Requests that wait for pages', s => s.waiting],
  ['kv_cache_usage_perc', 'Share of the KV pages in use', s => s.pages.used / s.pages.total],
]

const counters: readonly Row[] = [
  ['num_preemptions_total', 'Requests whose pages were taken for another', s => s.preemptions],
  ['prompt_tokens_total', 'Prompt tokens', s => s.promptTokens],
  ['generation_tokens_total', 'Generated tokens', s => s.generatedTokens],
  ['prefix_cache_queries_total', 'Prompt tokens looked up in the cache', s => s.promptTokens],
  ['prefix_cache_hits_total', 'Prompt tokens found in the cache', s => s.cachedTokens],
]
