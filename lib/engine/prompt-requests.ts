/**
 * What is asked of a prompt alone: its tokens' log-probabilities, or a vector that stands for it.
 * @module
 */
import { checkChoice, checkNumber, checkSignal } from '../sampling/check.ts'
import { samplingLimits } from '../sampling/params.ts'
import { EmbedRequest, type Pooling } from './embed-request.ts'
import type { Engine } from './engine.ts'
import { checkIds } from './prompt.ts'
import type { EngineRequest } from './request.ts'
import { type PromptLogprob, ScoreRequest } from './score-request.ts'

export interface PromptRequestParts {
  engine: Engine
  vocabSize: number
  maxContext: number
}

export class PromptRequests {
  readonly #parts: PromptRequestParts

  constructor(parts: PromptRequestParts) {
    this.#parts = parts
  }

  async score(
    ids: ArrayLike<number>,
    { top = 0, signal }: { top?: number; signal?: AbortSignal } = {},
  ): Promise<(PromptLogprob | null)[]> {
    const { engine, vocabSize, maxContext } = this.#parts
    engine.assertAlive()
    const most = samplingLimits.logprobs
    const count = checkNumber('top', top, { min: 0, max: most, integer: true })
    const checked = checkIds(ids, vocabSize, maxContext)
    const request = new ScoreRequest(engine.nextId(), checked, count, engine.now())
    return this.#run(request, request.logprobs, signal)
  }

  async embed(
    ids: ArrayLike<number>,
    { pooling = 'mean', signal }: { pooling?: Pooling; signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    const { engine, vocabSize, maxContext } = this.#parts
    engine.assertAlive()
    checkChoice('pooling', pooling, ['mean', 'last'])
    const checked = checkIds(ids, vocabSize, maxContext)
    const request = new EmbedRequest(engine.nextId(), checked, pooling, engine.now())
    return this.#run(request, request.vector, signal)
  }

  async #run<T>(request: EngineRequest, answer: Promise<T>, signal?: AbortSignal): Promise<T> {
    checkSignal(signal)
    const { engine } = this.#parts
    const abort = () => engine.abort(request)
    engine.submit(request)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await answer
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }
}
