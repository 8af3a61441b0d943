/**
 * Requests against a server as users send them, each with the times of its pieces.
 * @module
 */
import { readEvents } from '../client/sse-parser.ts'

export interface LoadPlan {
  /** Where the route is, whole. */
  url: string
  apiKey: string | undefined
  model: string | undefined
  numPrompts: number
  /** Requests a second, at random like people; Infinity: all at once. */
  requestRate: number
  maxConcurrency: number
  promptWords: number
  outputTokens: number
  ignoreEos: boolean
  temperature: number
  seed: number
  signal: AbortSignal
}

/** Times in ms; `pieces` are those of each piece with text. */
export interface RequestRun {
  status: number
  error: string | undefined
  sentMs: number
  endMs: number
  pieces: number[]
  promptTokens: number
  completionTokens: number
}

const words =
  'fox mill river apple pear moon stone bird green slow walk read sort count name city day rain wind ' +
  'book lamp road hill sea boat song bread salt clock door'
const vocabulary = words.split(' ')

/** Numbers in [0, 1) that depend on the seed alone. */
export function randomOf(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** All runs, once the last is over. */
export async function runLoad(
  plan: LoadPlan,
  onDone: (done: number) => void = () => {},
): Promise<RequestRun[]> {
  const random = randomOf(plan.seed)
  const runs: Promise<RequestRun>[] = []
  const places = new Places(plan.maxConcurrency)
  let due = performance.now()
  let done = 0
  for (let i = 0; i < plan.numPrompts && !plan.signal.aborted; i++) {
    // Exponential gaps make a Poisson process.
    if (Number.isFinite(plan.requestRate))
      due += (-Math.log(1 - random()) / plan.requestRate) * 1000
    const wait = due - performance.now()
    if (wait > 1) await new Promise(resolve => setTimeout(resolve, wait))
    const prompt = Array.from({ length: plan.promptWords }, () => {
      return vocabulary[Math.floor(random() * vocabulary.length)]
    }).join(' ')
    const leave = await places.enter()
    const run = send(plan, prompt, plan.seed + i).finally(leave)
    runs.push(run)
    void run.then(() => onDone(++done))
  }
  return Promise.all(runs)
}

class Places {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async enter(): Promise<() => void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    return () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

async function send(plan: LoadPlan, prompt: string, seed: number): Promise<RequestRun> {
  const run: RequestRun = {
    status: 0,
    error: undefined,
    sentMs: performance.now(),
    endMs: 0,
    pieces: [],
    promptTokens: 0,
    completionTokens: 0,
  }
  try {
    const response = await fetch(plan.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(plan.apiKey === undefined ? {} : { authorization: `Bearer ${plan.apiKey}` }),
      },
      body: JSON.stringify(bodyOf(plan, prompt, seed)),
      signal: plan.signal,
    })
    run.status = response.status
    if (response.ok && response.body !== null) await read(response.body, run)
    else run.error = (await response.text()).slice(0, 200)
  } catch (error) {
    run.error = error instanceof Error ? error.message : String(error)
  }
  run.endMs = performance.now()
  return run
}

function bodyOf(plan: LoadPlan, prompt: string, seed: number): object {
  const isChat = plan.url.endsWith('/chat/completions')
  return {
    ...(plan.model === undefined ? {} : { model: plan.model }),
    ...(isChat ? { messages: [{ role: 'user', content: prompt }] } : { prompt }),
    max_tokens: plan.outputTokens,
    temperature: plan.temperature,
    seed,
    stream: true,
    stream_options: { include_usage: true },
    ...(plan.ignoreEos ? { ignore_eos: true } : {}),
  }
}

interface Chunk {
  choices?: { text?: string; delta?: { content?: string; reasoning_content?: string } }[]
  usage?: { prompt_tokens: number; completion_tokens: number } | null
  error?: { message?: string }
}

async function read(body: ReadableStream<Uint8Array>, run: RequestRun): Promise<void> {
  for await (const { data } of readEvents(body)) {
    if (data === '[DONE]') return
    const { choices, usage, error } = JSON.parse(data) as Chunk
    if (error !== undefined) run.error = error.message ?? 'an error in the stream'
    const choice = choices?.[0]
    const text = choice?.text ?? choice?.delta?.content ?? choice?.delta?.reasoning_content
    if (text) run.pieces.push(performance.now())
    if (usage) {
      run.promptTokens = usage.prompt_tokens
      run.completionTokens = usage.completion_tokens
    }
  }
  run.error ??= 'the stream ended before [DONE]'
}
