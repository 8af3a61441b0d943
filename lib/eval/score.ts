/**
 * Numbers about rows of logits, added up as the rows come.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** What one row of logits says of its distribution. */
interface RowFacts {
  best: number
  /** log Σ exp(logit), natural. */
  logSum: number
}

/** Sums over scored positions. */
export class Scores {
  #tokens = 0
  #negativeLog = 0
  #referenceNegativeLog = 0
  #divergence = 0
  #agreements = 0
  #maxError = 0
  readonly #vocabSize: number

  constructor(vocabSize: number) {
    this.#vocabSize = vocabSize
  }

  get tokens(): number {
    return this.#tokens
  }

  get perplexity(): number {
    return Math.exp(this.#negativeLog / this.#tokens)
  }

  get referencePerplexity(): number {
    return Math.exp(this.#referenceNegativeLog / this.#tokens)
  }

  /** Mean KL(reference ‖ tested), nats. */
  get klMean(): number {
    return this.#divergence / this.#tokens
  }

  /** Share of positions where both have the same best token. */
  get top1Agreement(): number {
    return this.#agreements / this.#tokens
  }

  get maxLogitError(): number {
    return this.#maxError
  }

  /**
   * Adds a window of ids. Row i of `logits` (ids.length × vocabSize) is what follows ids[0 … i]; the
   * last row has nothing to be compared with. Throws `numerical_error`.
   */
  add(ids: ArrayLike<number>, logits: Float32Array, reference: Float32Array | null): void {
    const width = this.#vocabSize
    for (let i = 0; i + 1 < ids.length; i++) {
      const next = ids[i + 1]!
      const row = logits.subarray(i * width, (i + 1) * width)
      const facts = factsOf(row)
      this.#tokens++
      this.#negativeLog += facts.logSum - row[next]!
      if (reference === null) continue
      const other = reference.subarray(i * width, (i + 1) * width)
      const otherFacts = factsOf(other)
      this.#referenceNegativeLog += otherFacts.logSum - other[next]!
      if (facts.best === otherFacts.best) this.#agreements++
      this.#compare(row, facts.logSum, other, otherFacts.logSum)
    }
  }

  /** Adds what another has counted, as if its rows had come here. */
  merge(other: Scores): void {
    this.#tokens += other.#tokens
    this.#negativeLog += other.#negativeLog
    this.#referenceNegativeLog += other.#referenceNegativeLog
    this.#divergence += other.#divergence
    this.#agreements += other.#agreements
    this.#maxError = Math.max(this.#maxError, other.#maxError)
  }

  #compare(row: Float32Array, logSum: number, other: Float32Array, otherLogSum: number): void {
    let divergence = 0
    let largest = this.#maxError
    for (let i = 0; i < row.length; i++) {
      const difference = other[i]! - row[i]!
      const size = Math.abs(difference)
      if (size > largest) largest = size
      const logShare = other[i]! - otherLogSum
      // Below 2^-52 of the whole, a term adds nothing.
      if (logShare > -36) divergence += Math.exp(logShare) * (difference - otherLogSum + logSum)
    }
    this.#divergence += divergence
    this.#maxError = largest
  }
}

function factsOf(row: Float32Array): RowFacts {
  let best = 0
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i
  const most = row[best]!
  let sum = 0
  for (let i = 0; i < row.length; i++) sum += Math.exp(row[i]! - most)
  const logSum = most + Math.log(sum)
  if (Number.isFinite(logSum)) return { best, logSum }
  throw new ConclaveError(
    'numerical_error',
    'Expected finite logits, but the model gave NaN or infinity. Load it with validate to find the ' +
      'tensor, or with wider weights.',
  )
}
