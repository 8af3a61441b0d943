/**
 * What `generate` and `chat` return: a stream of chunks and a promise of the whole, over one run of
 * the work.
 * @module
 */
import { ReadableStream } from 'node:stream/web'
import { ConclaveError } from '../errors.ts'
import type { GuardMatch } from '../guard/guard.ts'
import type { ChosenLogprob, GenerationChunk } from './answer.ts'
import type { FinishReason } from './request.ts'
import type { LayerRoutes } from './route-trace.ts'

export interface Usage {
  promptTokens: number
  completionTokens: number
  /** Prompt tokens that a cache spared. */
  cachedTokens: number
}

export interface Timings {
  /** From the first step to the first token. */
  prefillMs: number
  /** From the first token to the last. */
  decodeMs: number
  /** Tokens after the first over `decodeMs`; 0 where there is none. */
  tokensPerSecond: number
  /** From the start of the request, waiting included. */
  timeToFirstTokenMs: number
}

export interface GenerationResult {
  text: string
  /** With the id that ended the answer, if one did. */
  tokenIds: number[]
  /** One entry a token, where `logprobs` was asked for. */
  logprobs?: ChosenLogprob[]
  /** Experts of every token that was run, the last one is not; where `routes` was asked for. */
  routes?: LayerRoutes[]
  /** What the guard found, where `moderation` was asked for; offsets are those of each text. */
  moderation?: { input: readonly GuardMatch[]; output: readonly GuardMatch[] }
  /**
   * 'stop': an end id or stop string; 'length': maxTokens; 'aborted': signal, break or dispose;
   * 'content_filter': the guard ended it, or refused the prompt.
   */
  finishReason: FinishReason
  usage: Usage
  timings: Timings
  /**
   * The seed that was used, a bigint above 2^53 − 1; the same request with it gives the same
   * tokens.
   */
  seed: number | bigint
  /**
   * All answers, where an engine was asked for `n` above 1; the fields beside it are the first's,
   * but `usage.completionTokens` counts all.
   */
  answers?: GenerationResult[]
}

/** Where the work reports to. After `end` or `fail` nothing follows. */
export interface GenerationEvents {
  chunk(chunk: GenerationChunk): void
  end(result: GenerationResult): void
  fail(error: ConclaveError): void
}

/** Starts the work, resolves with what stops it; rejects where the request is refused. */
export type Launch = (events: GenerationEvents) => Promise<() => void>

/**
 * The work starts at the first iteration or `result()` and runs once; both may be used. `break`
 * stops it within one step. Chunks that nobody reads wait here and slow no one down. Iterating
 * throws what `result()` rejects with; an abort is no error: the stream ends, and the result says
 * so.
 * @example
 * const answer = model.generate('Once upon a time', { maxTokens: 64 })
 * for await (const { text } of answer) process.stdout.write(text)
 * console.log((await answer.result()).usage)
 */
export class Generation implements AsyncIterable<GenerationChunk> {
  readonly #launch: Launch
  #result: Promise<GenerationResult> | undefined
  #launched: Promise<void> | undefined
  #stop: (() => void) | undefined
  #stopped = false
  #iterated = false
  readonly #chunks: GenerationChunk[] = []
  #wake: (() => void) | undefined
  #over = false

  constructor(launch: Launch) {
    this.#launch = launch
  }

  /** The whole answer. An abort resolves too, with the text so far. */
  result(): Promise<GenerationResult> {
    this.#result ??= this.#start()
    return this.#result
  }

  /**
   * Resolves once the request is taken, before its first token; rejects where it is refused. Starts
   * the work, as `result()` does.
   */
  async started(): Promise<void> {
    const result = this.result()
    await this.#launched
    if (this.#stop === undefined) await result
  }

  /** Ends the work within one step, in any state, as `break` does; the result says 'aborted'. */
  stop(): void {
    this.#stopped = true
    this.#stop?.()
  }

  /** The whole text. */
  async text(): Promise<string> {
    return (await this.result()).text
  }

  /** The chunks as a web stream; cancelling it stops the work. */
  toReadableStream(): ReadableStream<GenerationChunk> {
    const chunks = this[Symbol.asyncIterator]()
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await chunks.return()
      },
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationChunk, void, undefined> {
    if (this.#iterated)
      throw new ConclaveError(
        'invalid_request',
        'Expected an answer to be iterated once, but this one was before. Use result() for ' +
          'the whole.',
      )
    this.#iterated = true
    const result = this.result()
    try {
      for (;;) {
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) yield chunk
        else if (this.#over) break
        else await new Promise<void>(wake => (this.#wake = wake))
      }
      await result
    } finally {
      this.stop()
    }
  }

  #start(): Promise<GenerationResult> {
    const result = new Promise<GenerationResult>((resolve, reject) => {
      const events: GenerationEvents = {
        chunk: chunk => {
          this.#keep(chunk)
          this.#notify()
        },
        end: value => {
          resolve(value)
          this.#close()
        },
        fail: error => {
          reject(error)
          this.#close()
        },
      }
      this.#launched = this.#launch(events).then(stop => {
        this.#stop = stop
        if (this.#stopped) stop()
      }, events.fail)
    })
    // Whoever only iterates gets the error from the iterator.
    result.catch(() => {})
    return result
  }

  /** Chunks wait as one until somebody reads: whoever wants the result alone pays for no more. */
  #keep(chunk: GenerationChunk): void {
    const last = this.#iterated ? undefined : this.#chunks.at(-1)
    if (last === undefined || last.index !== chunk.index) {
      this.#chunks.push(chunk)
      return
    }
    last.text += chunk.text
    for (const id of chunk.tokenIds) last.tokenIds.push(id)
    if (chunk.logprobs !== undefined) last.logprobs!.push(...chunk.logprobs)
  }

  #close(): void {
    this.#over = true
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
