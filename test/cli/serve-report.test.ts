import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type RequestRun, runLoad } from '../../lib/cli/serve-load.ts'
import { reportOf, reportPage } from '../../lib/cli/serve-report.ts'

const run = (sentMs: number, pieces: number[], more: Partial<RequestRun> = {}): RequestRun => ({
  status: 200,
  error: undefined,
  sentMs,
  endMs: pieces.at(-1) ?? sentMs,
  pieces,
  promptTokens: 10,
  completionTokens: pieces.length,
  ...more,
})

describe('the report of bench serve', () => {
  const runs = [
    run(0, [10, 20, 40]),
    run(100, [130, 150, 170]),
    run(200, [], { status: 429, error: 'full' }),
    run(300, [], { status: 0, error: 'reset', endMs: 1000 }),
  ]

  it('counts what was answered, and takes times as vLLM does', () => {
    const report = reportOf(runs)
    expect(report).toMatchObject({
      completed: 2,
      failed: 2,
      statuses: { 0: 1, 200: 2, 429: 1 },
      durationSeconds: 1,
      totalInputTokens: 20,
      totalOutputTokens: 6,
      requestThroughput: 2,
      outputThroughput: 6,
      firstError: 'full',
    })
    expect(report.ttftMs).toEqual({ mean: 20, median: 10, p99: 30, max: 30 })
    // (end − first) / (tokens − 1)
    expect(report.tpotMs).toEqual({ mean: 17.5, median: 15, p99: 20, max: 20 })
    expect(report.itlMs).toEqual({ mean: 17.5, median: 20, p99: 20, max: 20 })
  })

  it('prints the rows that tools look for', () => {
    const page = reportPage(reportOf(runs))
    for (const row of [
      'Successful requests:                     2',
      'Request throughput (req/s):              2.00',
      'Mean TTFT (ms):                          20.00',
      'P99 ITL (ms):                            20.00',
    ])
      expect(page).toContain(row)
  })
})

describe('the load of bench serve', () => {
  it('counts a stream that is cut as failed', async () => {
    const piece = `data: ${JSON.stringify({ choices: [{ delta: { content: 'a' } }] })}\n\n`
    let asked = 0
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.end(asked++ === 0 ? `${piece}data: [DONE]\n\n` : piece)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const runs = await runLoad({
      url: `http://127.0.0.1:${port}/v1/chat/completions`,
      apiKey: undefined,
      model: undefined,
      numPrompts: 2,
      requestRate: Number.POSITIVE_INFINITY,
      maxConcurrency: 1,
      promptWords: 1,
      outputTokens: 1,
      ignoreEos: true,
      temperature: 0,
      seed: 0,
      signal: new AbortController().signal,
    })
    server.close()
    const { completed, failed, firstError } = reportOf(runs)
    expect([completed, failed]).toEqual([1, 1])
    expect(firstError).toContain('[DONE]')
  })
})
