/**
 * One prompt of /v1/completions: its echo, then its answers.
 * @module
 */
import type { ChosenLogprob } from '../../engine/answer.ts'
import type { GenerationResult } from '../../engine/generation.ts'
import type { PromptLogprob } from '../../engine/score-request.ts'
import type { Call } from '../endpoint.ts'
import { type EngineGenerateOptions, type ServedModel, tokenizerOf } from '../served-model.ts'
import type { ReplyEvent, ReplyEvents, ReplyFinish, ReplyUsage } from './reply.ts'
import { plainParser, ReplyReader } from './reply-reader.ts'
import { startReplies } from './run.ts'
import type { Form } from './structured.ts'
import { type TextLogprobs, TextLogprobWriter } from './text-logprobs.ts'

export type TextEvent =
  | { kind: 'text'; index: number; text: string; logprobs: TextLogprobs | null }
  | { kind: 'finish'; index: number; reason: ReplyFinish }
  /** `result`: of a run that asked the model. */
  | { kind: 'end'; usage: ReplyUsage; result?: GenerationResult; first: number }

export type TextEvents = AsyncGenerator<readonly TextEvent[], void, undefined>

export interface TextAsk {
  prompt: string | number[]
  ids: ArrayLike<number>
  /** `maxTokens` 0: the prompt alone. */
  options: EngineGenerateOptions
  n: number
  /** Index of its first answer among those of all prompts. */
  first: number
  echo: boolean
  form: Form | undefined
}

export class TextRun {
  readonly #call: Call
  readonly #ask: TextAsk
  readonly #model: ServedModel
  readonly #stop = new AbortController()
  #scores: Promise<(PromptLogprob | null)[]> | undefined
  #replies: ReplyEvents | undefined

  constructor(call: Call, ask: TextAsk) {
    this.#call = call
    this.#ask = ask
    this.#model = call.serving.model
  }

  /** Rejects where the request is refused. */
  async start(): Promise<void> {
    const { ids, options, n, echo } = this.#ask
    const signal = AbortSignal.any([this.#call.signal, this.#stop.signal])
    const { engine } = this.#model
    if (echo && options.logprobs !== undefined) {
      this.#scores = engine.score(ids, { top: options.logprobs, signal })
      this.#scores.catch(() => {})
    }
    if (options.maxTokens === 0) return void (await this.#scores)
    const readers = Array.from({ length: n }, () => new ReplyReader(plainParser))
    const generation = engine.generate(ids, { ...options, signal })
    this.#replies = await startReplies(this.#call, generation, readers, this.#ask.form)
  }

  stop(): void {
    this.#stop.abort()
  }

  async *events(): TextEvents {
    const { first, n, options } = this.#ask
    const echo = await this.#echo()
    const start = echo?.text.length ?? 0
    const top = options.logprobs ?? 0
    const writers = Array.from({ length: n }, () => {
      return options.logprobs === undefined
        ? null
        : new TextLogprobWriter(tokenizerOf(this.#model), top, start)
    })
    if (echo !== undefined)
      yield Array.from({ length: n }, (_, i) => ({ kind: 'text', index: first + i, ...echo }))
    if (this.#replies === undefined) yield this.#promptAlone()
    else yield* this.#answers(this.#replies, writers)
  }

  async #echo(): Promise<{ text: string; logprobs: TextLogprobs | null } | undefined> {
    const { echo, ids, prompt, options } = this.#ask
    if (!echo) return undefined
    const list = Array.from(ids)
    const decoded = () => tokenizerOf(this.#model).decode(list, { skipSpecialTokens: false })
    const text = typeof prompt === 'string' ? prompt : decoded()
    const scores = await this.#scores
    if (scores === undefined) return { text, logprobs: null }
    const writer = new TextLogprobWriter(tokenizerOf(this.#model), options.logprobs ?? 0)
    return { text, logprobs: writer.write(list, scores) }
  }

  #promptAlone(): TextEvent[] {
    const { first, n, ids } = this.#ask
    const finishes = Array.from({ length: n }, (_, i): TextEvent => {
      return { kind: 'finish', index: first + i, reason: 'length' }
    })
    const none = { completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
    return [...finishes, { kind: 'end', usage: { ...none, promptTokens: ids.length }, first }]
  }

  async *#answers(
    replies: ReplyEvents,
    writers: readonly (TextLogprobWriter | null)[],
  ): TextEvents {
    const pending: (ChosenLogprob[] | undefined)[] = []
    for await (const together of replies)
      yield together.flatMap(event => this.#read(event, writers, pending))
  }

  /** Log-probabilities wait in `pending` for the text that they belong to. */
  #read(
    event: ReplyEvent,
    writers: readonly (TextLogprobWriter | null)[],
    pending: (ChosenLogprob[] | undefined)[],
  ): TextEvent[] {
    const { first } = this.#ask
    if (event.kind === 'end') return [{ ...event, first }]
    const { index } = event
    if (event.kind === 'logprobs') {
      pending[index] = [...(pending[index] ?? []), ...event.logprobs]
      return []
    }
    const events: TextEvent[] = []
    const held = pending[index]
    pending[index] = undefined
    const logprobs = held === undefined ? null : written(writers[index]!, held)
    const text = event.kind === 'delta' && event.delta.kind === 'content' ? event.delta.text : ''
    if (text !== '' || logprobs !== null)
      events.push({ kind: 'text', index: first + index, text, logprobs })
    if (event.kind === 'finish') events.push({ ...event, index: first + index })
    return events
  }
}

function written(writer: TextLogprobWriter | null, logprobs: ChosenLogprob[]): TextLogprobs | null {
  return (
    writer?.write(
      logprobs.map(one => one.tokenId),
      logprobs,
    ) ?? null
  )
}
