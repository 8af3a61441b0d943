/**
 * Runs of a load → the report that vLLM's `bench serve` prints.
 * @module
 */
import type { RequestRun } from './serve-load.ts'

export interface Spread {
  mean: number
  median: number
  p99: number
  max: number
}

export interface LoadReport {
  completed: number
  failed: number
  /** HTTP status → requests; 0: no answer. */
  statuses: Record<string, number>
  durationSeconds: number
  totalInputTokens: number
  totalOutputTokens: number
  requestThroughput: number
  outputThroughput: number
  totalTokenThroughput: number
  ttftMs: Spread
  tpotMs: Spread
  itlMs: Spread
  e2elMs: Spread
  firstError: string | undefined
}

function spread(values: number[]): Spread {
  if (values.length === 0) return { mean: 0, median: 0, p99: 0, max: 0 }
  const sorted = values.sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
  const sum = sorted.reduce((total, x) => total + x, 0)
  return { mean: sum / sorted.length, median: at(0.5), p99: at(0.99), max: sorted.at(-1)! }
}

/** TPOT = (end − first piece) / (tokens − 1); ITL is the gap between pieces. */
export function reportOf(runs: readonly RequestRun[]): LoadReport {
  const good = runs.filter(run => run.status === 200 && run.error === undefined)
  const statuses: Record<string, number> = {}
  for (const { status } of runs) statuses[status] = (statuses[status] ?? 0) + 1
  const start = runs.reduce((least, run) => Math.min(least, run.sentMs), Number.POSITIVE_INFINITY)
  const end = runs.reduce((most, run) => Math.max(most, run.endMs), 0)
  const seconds = Math.max(1e-9, (end - start) / 1000)
  const sum = (of: (run: RequestRun) => number) => good.reduce((total, run) => total + of(run), 0)
  const input = sum(run => run.promptTokens)
  const output = sum(run => run.completionTokens)
  const spoke = good.filter(run => run.pieces.length > 0)
  const long = spoke.filter(run => run.completionTokens > 1)
  return {
    completed: good.length,
    failed: runs.length - good.length,
    statuses,
    durationSeconds: seconds,
    totalInputTokens: input,
    totalOutputTokens: output,
    requestThroughput: good.length / seconds,
    outputThroughput: output / seconds,
    totalTokenThroughput: (input + output) / seconds,
    ttftMs: spread(spoke.map(run => run.pieces[0]! - run.sentMs)),
    tpotMs: spread(
      long.map(run => (run.pieces.at(-1)! - run.pieces[0]!) / (run.completionTokens - 1)),
    ),
    itlMs: spread(spoke.flatMap(run => run.pieces.slice(1).map((at, i) => at - run.pieces[i]!))),
    e2elMs: spread(good.map(run => run.endMs - run.sentMs)),
    firstError: runs.find(run => run.error !== undefined)?.error,
  }
}

const width = 50
const title = (text: string, fill: string) => {
  const left = Math.floor((width - text.length) / 2)
  return fill.repeat(left) + text + fill.repeat(width - text.length - left)
}
const row = (name: string, value: string) => name.padEnd(41) + value

export function reportPage(report: LoadReport): string {
  const block = (long: string, short: string, { mean, median, p99 }: Spread) => [
    title(long, '-'),
    row(`Mean ${short} (ms):`, mean.toFixed(2)),
    row(`Median ${short} (ms):`, median.toFixed(2)),
    row(`P99 ${short} (ms):`, p99.toFixed(2)),
  ]
  const lines = [
    title(' Serving Benchmark Result ', '='),
    row('Successful requests:', String(report.completed)),
    row('Failed requests:', String(report.failed)),
    row('Benchmark duration (s):', report.durationSeconds.toFixed(2)),
    row('Total input tokens:', String(report.totalInputTokens)),
    row('Total generated tokens:', String(report.totalOutputTokens)),
    row('Request throughput (req/s):', report.requestThroughput.toFixed(2)),
    row('Output token throughput (tok/s):', report.outputThroughput.toFixed(2)),
    row('Total Token throughput (tok/s):', report.totalTokenThroughput.toFixed(2)),
    ...block('Time to First Token', 'TTFT', report.ttftMs),
    ...block('Time per Output Token (excl. 1st token)', 'TPOT', report.tpotMs),
    ...block('Inter-token Latency', 'ITL', report.itlMs),
    ...block('End-to-end Latency', 'E2EL', report.e2elMs),
    '='.repeat(width),
  ]
  return `${lines.join('\n')}\n`
}
