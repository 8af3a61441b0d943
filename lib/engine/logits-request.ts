/**
 * A request for the logits of every prompt token.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import { Sequence } from './sequence.ts'

export class LogitsRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling = null
  readonly times: RequestTimes
  /** (num_tokens × vocab_size); rejects with the error of the step, or `disposed`. */
  readonly logits: Promise<Float32Array>
  readonly #all: Float32Array
  readonly #vocabSize: number
  #resolve!: (logits: Float32Array) => void
  #reject!: (error: ConclaveError) => void

  /** Throws `insufficient_memory` where the result does not fit. */
  constructor(id: number, promptIds: ArrayLike<number>, vocabSize: number, submitted: number) {
    this.sequence = new Sequence({ id, promptIds, maxTokens: 0, wants: 'logits' })
    this.times = { submitted }
    this.#vocabSize = vocabSize
    this.#all = allocate(promptIds.length, vocabSize)
    this.logits = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.kind !== 'logits') return undefined
    this.#all.set(output.logits, output.start * this.#vocabSize)
    return output.isLast ? 'length' : undefined
  }

  end(reason: FinishReason): void {
    if (reason === 'length') this.#resolve(this.#all)
    else
      this.#reject(new ConclaveError('disposed', 'The model was disposed before its logits came.'))
  }

  fail(error: ConclaveError): void {
    this.#reject(error)
  }
}

function allocate(numTokens: number, vocabSize: number): Float32Array {
  try {
    return new Float32Array(numTokens * vocabSize)
  } catch (cause) {
    throw new ConclaveError(
      'insufficient_memory',
      `Expected room for the logits of ${numTokens} tokens, ${numTokens * vocabSize * 4} bytes, ` +
        'but the array could not be made. Ask for fewer tokens at a time.',
      { numTokens, vocabSize },
      { cause },
    )
  }
}
