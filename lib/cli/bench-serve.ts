/**
 * conclave bench serve: load on a server that speaks OpenAI's API.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { interruptSignal } from './interrupt.ts'
import { type LoadPlan, runLoad } from './serve-load.ts'
import { reportOf, reportPage } from './serve-report.ts'

const endpoints = ['/v1/chat/completions', '/v1/completions']

export const benchServe: Command = {
  name: 'bench serve',
  summary: "Sends requests to a server and prints the report of vLLM's bench serve.",
  flags: {
    'base-url': { kind: 'string', value: 'URL', help: 'default http://127.0.0.1:8000' },
    endpoint: { kind: 'string', value: 'PATH', help: `${endpoints.join(' (default) or ')}` },
    model: { kind: 'string', value: 'NAME', help: "default: the server's first" },
    'api-key': { kind: 'string', value: 'KEY', help: 'default: OPENAI_API_KEY' },
    'num-prompts': { kind: 'integer', value: 'N', help: 'requests (default 100)' },
    'request-rate': {
      kind: 'number',
      value: 'N',
      help: 'requests a second, Poisson (default: all at once)',
    },
    'max-concurrency': { kind: 'integer', value: 'N', help: 'most at once (default: no limit)' },
    'prompt-words': { kind: 'integer', value: 'N', help: 'words of each prompt (default 32)' },
    'output-tokens': { kind: 'integer', value: 'N', help: 'tokens of each answer (default 128)' },
    temperature: { kind: 'number', value: 'X', help: 'default 0' },
    seed: { kind: 'integer', value: 'N', help: 'of prompts and arrivals (default 0)' },
    'allow-eos': { kind: 'boolean', help: 'let answers end by themselves' },
    ...outputFlags,
  },
  async run(values) {
    const plan = await planOf(values, interruptSignal())
    const bar = process.stderr.isTTY
    const runs = await runLoad(plan, done => {
      if (bar) process.stderr.write(`\r${done} of ${plan.numPrompts}`)
    })
    if (bar) process.stderr.write('\r\x1b[K')
    const report = reportOf(runs)
    if (values.json === true) console.log(JSON.stringify(report))
    else process.stdout.write(reportPage(report))
    if (report.firstError !== undefined) console.error(`first error: ${report.firstError}`)
    if (report.completed === 0)
      throw new ConclaveError(
        'io_error',
        `Expected answers of ${plan.url}, but there was none: the first error says why.`,
      )
  },
}

async function planOf(values: Values, signal: AbortSignal): Promise<LoadPlan> {
  const base = String(values.baseUrl ?? 'http://127.0.0.1:8000').replace(/\/+$/, '')
  const endpoint = String(values.endpoint ?? endpoints[0])
  if (!endpoints.includes(endpoint))
    throw new UsageError(`--endpoint takes ${endpoints.join(', ')}.`)
  const apiKey = (values.apiKey as string | undefined) ?? process.env.OPENAI_API_KEY
  const count = (name: string, fallback: number) => {
    const value = (values[name] as number | undefined) ?? fallback
    if (value >= 1) return value
    const flag = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    throw new UsageError(`--${flag} takes a number from 1 up, not ${value}.`)
  }
  const rate = (values.requestRate as number | undefined) ?? Number.POSITIVE_INFINITY
  if (rate <= 0) throw new UsageError(`--request-rate takes a number above 0, not ${rate}.`)
  return {
    url: base + endpoint,
    apiKey,
    model: (values.model as string | undefined) ?? (await firstModel(base, apiKey)),
    numPrompts: count('numPrompts', 100),
    requestRate: rate,
    maxConcurrency: count('maxConcurrency', Number.POSITIVE_INFINITY),
    promptWords: count('promptWords', 32),
    outputTokens: count('outputTokens', 128),
    ignoreEos: values.allowEos !== true,
    temperature: (values.temperature as number | undefined) ?? 0,
    seed: (values.seed as number | undefined) ?? 0,
    signal,
  }
}

async function firstModel(base: string, apiKey: string | undefined): Promise<string | undefined> {
  try {
    const headers = new Headers(apiKey === undefined ? [] : [['authorization', `Bearer ${apiKey}`]])
    const response = await fetch(`${base}/v1/models`, { headers })
    return ((await response.json()) as { data?: { id: string }[] }).data?.[0]?.id
  } catch (cause) {
    throw new ConclaveError(
      'io_error',
      `Expected a server at ${base}, but there was no answer. Start one with conclave serve.`,
      {},
      { cause },
    )
  }
}
