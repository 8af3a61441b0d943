/**
 * A request for text: what the caller asked, and the way from sampled tokens to chunks and the
 * result.
 * @module
 */
import type { ConclaveError } from '../errors.ts'
import type { GuardMatch } from '../guard/guard.ts'
import type { NativeSamplingParams } from '../native.ts'
import type { SamplingParams } from '../sampling/params.ts'
import type { Answer, ChosenLogprob, GenerationChunk } from './answer.ts'
import type { GenerationEvents, GenerationResult, Timings } from './generation.ts'
import type { StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import type { RouteTrace, StepRoutes } from './route-trace.ts'
import { Sequence } from './sequence.ts'

export interface GenerateAsk {
  id: number
  promptIds: ArrayLike<number>
  params: Readonly<SamplingParams>
  sampling: NativeSamplingParams
  answer: Answer
  priority?: number
  /** Who may share pages with it; undefined: nobody. */
  cacheSalt?: string | undefined
  /** Called once the first token is there; like `accept`, it may not call the engine. */
  onFirstToken?: (() => void) | undefined
  /** Where the experts of its tokens are noted. */
  routes?: RouteTrace | undefined
  /** What was found in the prompt, where the result shall tell. */
  found?: readonly GuardMatch[] | undefined
  /** When the caller started, on the engine's clock. */
  submitted: number
}

export class GenerateRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling: NativeSamplingParams
  readonly times: RequestTimes
  readonly #params: Readonly<SamplingParams>
  readonly #answer: Answer
  readonly #events: GenerationEvents
  readonly #onOver: () => void
  readonly #onFirstToken: (() => void) | undefined
  readonly #routes: RouteTrace | undefined
  readonly #found: readonly GuardMatch[] | undefined
  #text = ''
  readonly #tokenIds: number[] = []
  readonly #logprobs: ChosenLogprob[] = []
  #isNarrowed = false

  /** `onOver` is called once, before the last event. */
  constructor(ask: GenerateAsk, events: GenerationEvents, onOver: () => void) {
    const { params } = ask
    this.sequence = new Sequence({
      id: ask.id,
      promptIds: ask.promptIds,
      maxTokens: params.maxTokens,
      priority: ask.priority ?? 0,
      cacheSalt: ask.cacheSalt,
      editsLogits: params.logitsProcessor !== undefined,
      tracesRoutes: ask.routes !== undefined,
    })
    this.#routes = ask.routes
    this.#found = ask.found
    this.sampling = ask.sampling
    this.times = { submitted: ask.submitted }
    this.#params = params
    this.#answer = ask.answer
    this.#events = events
    this.#onOver = onOver
    this.#onFirstToken = ask.onFirstToken
  }

  trace(routes: StepRoutes): void {
    this.#routes?.add(routes)
  }

  edit(logits: Float32Array): void {
    this.#params.logitsProcessor?.(logits, this.sequence.tokens())
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.kind === 'whole') return 'stop'
    if (output.kind !== 'token') return undefined
    if (output.closing) this.#isNarrowed = true
    if (this.#answer.numTokens === 0) this.#onFirstToken?.()
    const reason = this.#answer.push(output.tokenId, output.logprob, output.top)
    if (reason === undefined) this.#emit(this.#answer.take())
    // The limit shaped the answer, though it is whole.
    return reason === 'stop' && this.#isNarrowed ? 'length' : reason
  }

  end(reason: FinishReason): void {
    this.#onOver()
    this.#emit(this.#answer.finish())
    this.#events.end(this.#result(this.#answer.blocked ? 'content_filter' : reason))
  }

  fail(error: ConclaveError): void {
    this.#onOver()
    this.#events.fail(error)
  }

  #emit(chunk: GenerationChunk | undefined): void {
    if (chunk === undefined) return
    this.#text += chunk.text
    for (const id of chunk.tokenIds) this.#tokenIds.push(id)
    if (chunk.logprobs !== undefined) this.#logprobs.push(...chunk.logprobs)
    this.#events.chunk(chunk)
  }

  #result(finishReason: FinishReason): GenerationResult {
    const result: GenerationResult = {
      text: this.#text,
      tokenIds: this.#tokenIds,
      finishReason,
      usage: {
        promptTokens: this.sequence.numPromptTokens,
        completionTokens: this.#answer.numTokens,
        cachedTokens: this.sequence.numCached,
      },
      timings: timings(this.times, this.#answer.numTokens),
      seed: plainSeed(this.#params.seed),
    }
    if (this.#params.logprobs >= 0) result.logprobs = this.#logprobs
    if (this.#found !== undefined)
      result.moderation = { input: this.#found, output: [...this.#answer.matches] }
    if (this.#routes !== undefined) result.routes = this.#routes.layers
    return result
  }
}

/** A number where it is exact, so that the result can be written as JSON. */
function plainSeed(seed: bigint): number | bigint {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : seed
}

function timings(times: RequestTimes, numTokens: number): Timings {
  const { submitted, started, firstToken, lastToken } = times
  const decodeMs = (lastToken ?? 0) - (firstToken ?? 0)
  return {
    prefillMs: firstToken === undefined ? 0 : firstToken - started!,
    decodeMs,
    tokensPerSecond: decodeMs > 0 ? ((numTokens - 1) / decodeMs) * 1000 : 0,
    timeToFirstTokenMs: firstToken === undefined ? 0 : firstToken - submitted,
  }
}
