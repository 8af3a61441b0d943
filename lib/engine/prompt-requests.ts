/**
 * What is asked of a prompt alone: its tokens' log-probabilities, or a vector that stands for it.
 * @module
 */

import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import { ConclaveError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { checkChoice, checkNumber, checkSignal } from '../sampling/check.ts'
import { samplingLimits } from '../sampling/params.ts'
import { EmbedRequest, type Pooling } from './embed-request.ts'
import type { Engine } from './engine.ts'
import { guardedIds } from './guarded-input.ts'
import { checkIds } from './prompt.ts'
import type { EngineRequest } from './request.ts'
import { type PromptLogprob, ScoreRequest } from './score-request.ts'

export interface PromptRequestParts {
  engine: Engine
  vocabSize: number
  maxContext: number
  tokenizer: ModelTokenizer | null
  /** What looks at every prompt. */
  guard?: Guard | undefined
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
    const { engine } = this.#parts
    engine.assertAlive()
    const most = samplingLimits.logprobs
    const count = checkNumber('top', top, { min: 0, max: most, integer: true })
    const checked = this.#allowed(ids)
    const request = new ScoreRequest(engine.nextId(), checked, count, engine.now())
    return this.#run(request, request.logprobs, signal)
  }

  async embed(
    ids: ArrayLike<number>,
    { pooling = 'mean', signal }: { pooling?: Pooling; signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    const { engine } = this.#parts
    engine.assertAlive()
    checkChoice('pooling', pooling, ['mean', 'last'])
    const checked = this.#allowed(ids)
    const request = new EmbedRequest(engine.nextId(), checked, pooling, engine.now())
    return this.#run(request, request.vector, signal)
  }

  #allowed(ids: ArrayLike<number>): Int32Array {
    const { guard, tokenizer, vocabSize, maxContext } = this.#parts
    const checked = checkIds(ids, vocabSize, maxContext)
    if (guard === undefined || tokenizer === null) return checked
    const { value } = guardedIds(guard, tokenizer.tokenizer, checked)
    if (value !== undefined) return checkIds(value, vocabSize, maxContext)
    throw new ConclaveError(
      'invalid_request',
      "Expected a prompt that the guard lets pass, but the engine's policy blocks this one.",
      { reason: 'content_filter' },
    )
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
