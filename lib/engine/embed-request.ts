/**
 * A request for one vector that stands for a whole prompt.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import { Sequence } from './sequence.ts'

/** 'mean' of all tokens' last hidden states, or that of the 'last' token. */
export type Pooling = 'mean' | 'last'

export class EmbedRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling = null
  readonly times: RequestTimes
  /** (hidden_size), of length 1; rejects with the error of the step, or `aborted`. */
  readonly vector: Promise<Float32Array>
  readonly #pooling: Pooling
  #sum: Float64Array | undefined
  #resolve!: (vector: Float32Array) => void
  #reject!: (error: ConclaveError) => void

  constructor(id: number, promptIds: ArrayLike<number>, pooling: Pooling, submitted: number) {
    this.sequence = new Sequence({ id, promptIds, maxTokens: 0, wants: 'hidden' })
    this.times = { submitted }
    this.#pooling = pooling
    this.vector = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.kind !== 'hidden') return undefined
    // After a preemption the prompt is run again.
    if (output.start === 0) this.#sum = undefined
    this.#add(output.hidden, output.count)
    return output.isLast ? 'length' : undefined
  }

  end(reason: FinishReason): void {
    const vector = reason === 'length' ? unitVector(this.#sum!) : undefined
    if (vector instanceof Float32Array) this.#resolve(vector)
    else this.#reject(vector ?? new ConclaveError('aborted', 'The request was stopped.'))
  }

  fail(error: ConclaveError): void {
    this.#reject(error)
  }

  #add(hidden: Float32Array, count: number): void {
    const width = hidden.length / count
    this.#sum ??= new Float64Array(width)
    const first = this.#pooling === 'last' ? count - 1 : 0
    if (this.#pooling === 'last') this.#sum.fill(0)
    for (let t = first; t < count; t++)
      for (let i = 0; i < width; i++) this.#sum[i]! += hidden[t * width + i]!
  }
}

/** The mean differs from the sum by its length alone, which is made 1. */
function unitVector(sum: Float64Array): Float32Array | ConclaveError {
  const length = Math.hypot(...sum)
  if (!Number.isFinite(length) || length === 0)
    return new ConclaveError('numerical_error', 'Expected finite hidden states, but got none.')
  return Float32Array.from(sum, x => x / length)
}
