/**
 * Several answers to one prompt as one stream: the first computes the prompt, the others take its
 * pages.
 * @module
 */
import type { ConclaveError } from '../errors.ts'
import type { GenerationEvents, GenerationResult } from './generation.ts'

/** Starts answer `index`; calls `onFirstToken` once the prompt's pages are there. Gives its stop. */
export type StartAnswer = (
  index: number,
  events: GenerationEvents,
  onFirstToken: () => void,
) => () => void

export class SeveralAnswers {
  readonly #count: number
  readonly #start: StartAnswer
  readonly #events: GenerationEvents
  readonly #stops: (() => void)[] = []
  readonly #results: (GenerationResult | undefined)[]
  #othersStarted = false
  #over = false

  constructor(count: number, start: StartAnswer, events: GenerationEvents) {
    this.#count = count
    this.#start = start
    this.#events = events
    this.#results = Array(count).fill(undefined)
  }

  /** Starts the first answer; what is returned stops all. */
  run(): () => void {
    this.#begin(0)
    return () => {
      this.#beginOthers()
      for (const stop of this.#stops) stop()
    }
  }

  #begin(index: number): void {
    const events: GenerationEvents = {
      chunk: chunk => {
        if (!this.#over) this.#events.chunk({ index, ...chunk })
      },
      end: result => this.#end(index, result),
      fail: error => this.#fail(error),
    }
    // Engine callbacks may not call the engine: the others start once the step is delivered.
    const onFirstToken = () => queueMicrotask(() => this.#beginOthers())
    this.#stops[index] = this.#start(index, events, onFirstToken)
  }

  #beginOthers(): void {
    if (this.#othersStarted || this.#over) return
    this.#othersStarted = true
    try {
      for (let i = 1; i < this.#count; i++) this.#begin(i)
    } catch (error) {
      this.#fail(error as ConclaveError)
    }
  }

  #end(index: number, result: GenerationResult): void {
    this.#results[index] = result
    if (index === 0) queueMicrotask(() => this.#beginOthers())
    const answers = this.#results.filter(r => r !== undefined)
    if (this.#over || answers.length < this.#count) return
    this.#over = true
    const completionTokens = answers.reduce((sum, r) => sum + r.usage.completionTokens, 0)
    const first = answers[0]!
    this.#events.end({ ...first, usage: { ...first.usage, completionTokens }, answers })
  }

  #fail(error: ConclaveError): void {
    if (this.#over) return
    this.#over = true
    this.#events.fail(error)
    queueMicrotask(() => {
      for (const stop of this.#stops) stop()
    })
  }
}
