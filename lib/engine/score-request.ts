/**
 * A request for the log-probability of each prompt token, given those before it.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { RankedToken, StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import { Sequence } from './sequence.ts'

/** Log-probability (natural logarithm, before temperature) of one token of a prompt. */
export interface PromptLogprob extends RankedToken {
  /** The best tokens at this place, best first. */
  top: RankedToken[]
}

/** Rows worked through before others get their turn. */
const rowsInTurn = 16

export class ScoreRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling = null
  readonly times: RequestTimes
  /** One entry a token, null for the first; rejects with the error of the step, or `aborted`. */
  readonly logprobs: Promise<(PromptLogprob | null)[]>
  readonly #top: number
  readonly #found: (PromptLogprob | null)[] = [null]
  #work = Promise.resolve()
  #resolve!: (found: (PromptLogprob | null)[]) => void
  #reject!: (error: ConclaveError) => void

  constructor(id: number, promptIds: ArrayLike<number>, top: number, submitted: number) {
    this.sequence = new Sequence({ id, promptIds, maxTokens: 0, wants: 'logits' })
    this.times = { submitted }
    this.#top = top
    this.logprobs = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.kind !== 'logits') return undefined
    const { start, count, isLast, logits } = output
    this.#work = this.#work.then(() => this.#score(start, count, logits))
    return isLast ? 'length' : undefined
  }

  end(reason: FinishReason): void {
    if (reason === 'length') this.#work.then(() => this.#resolve(this.#found))
    else this.#reject(new ConclaveError('aborted', 'The request was stopped before its end.'))
  }

  fail(error: ConclaveError): void {
    this.#reject(error)
  }

  /** Row i tells of the token after it; the last row of a prompt tells of none. */
  async #score(start: number, count: number, logits: Float32Array): Promise<void> {
    // After a preemption the prompt is run again.
    if (start === 0) this.#found.length = 1
    const width = logits.length / count
    const targets = this.sequence.tokens(start + 1, start + 1 + count)
    for (let i = 0; i < targets.length; i++) {
      if (i % rowsInTurn === rowsInTurn - 1) await new Promise(resolve => setImmediate(resolve))
      const row = logits.subarray(i * width, (i + 1) * width)
      this.#found.push(scoreOf(row, targets[i]!, this.#top))
    }
  }
}

function scoreOf(row: Float32Array, tokenId: number, count: number): PromptLogprob {
  let max = Number.NEGATIVE_INFINITY
  for (const logit of row) if (logit > max) max = logit
  let sum = 0
  for (const logit of row) sum += Math.exp(logit - max)
  const norm = max + Math.log(sum)
  const top = bestOf(row, count).map(id => ({ tokenId: id, logprob: row[id]! - norm }))
  return { tokenId, logprob: row[tokenId]! - norm, top }
}

/** Ids of the `count` largest, largest first; of equals the lower id first. */
function bestOf(row: Float32Array, count: number): number[] {
  const best: number[] = []
  if (count === 0) return best
  for (let id = 0; id < row.length; id++) {
    if (best.length === count && row[id]! <= row[best[count - 1]!]!) continue
    let at = best.length
    while (at > 0 && row[best[at - 1]!]! < row[id]!) at--
    best.splice(at, 0, id)
    if (best.length > count) best.pop()
  }
  return best
}
