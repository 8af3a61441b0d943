/**
 * A plan as the flat arrays of one native step, in buffers that every step uses again.
 * @module
 */
import type { StepBatch } from '../native.ts'
import type { Plan, PlanEntry } from './scheduler.ts'

export interface BatchLimits {
  maxBatchTokens: number
  maxSequences: number
  /** Pages of the longest sequence. */
  maxPages: number
}

/** Builds one {@link StepBatch} at a time: the arrays of the last one are overwritten. */
export class BatchBuilder {
  readonly #tokenIds: Int32Array
  readonly #positions: Int32Array
  readonly #queryStarts: Int32Array
  readonly #kvLengths: Int32Array
  readonly #pageTables: Int32Array
  readonly #logitRows: Int32Array
  readonly #samplers: Int32Array

  constructor({ maxBatchTokens, maxSequences, maxPages }: BatchLimits) {
    this.#tokenIds = new Int32Array(maxBatchTokens)
    this.#positions = new Int32Array(maxBatchTokens)
    this.#queryStarts = new Int32Array(maxSequences + 1)
    this.#kvLengths = new Int32Array(maxSequences)
    this.#pageTables = new Int32Array(maxSequences * maxPages)
    this.#logitRows = new Int32Array(maxBatchTokens)
    this.#samplers = new Int32Array(maxBatchTokens)
  }

  /**
   * Rows of the batch follow the plan's entries: one where a sequence samples, one a token where
   * all logits are wanted.
   */
  build(plan: Plan): StepBatch {
    const { entries } = plan
    const maxPages = entries.reduce((most, e) => Math.max(most, e.sequence.pages.length), 1)
    let token = 0
    let row = 0
    entries.forEach((entry, s) => {
      this.#queryStarts[s] = token
      this.#kvLengths[s] = entry.start + entry.count
      this.#fillPages(entry, s * maxPages, maxPages)
      this.#fillTokens(entry, token)
      row = this.#fillRows(entry, token, row)
      token += entry.count
    })
    this.#queryStarts[entries.length] = token
    return {
      tokenIds: this.#tokenIds.subarray(0, token),
      positions: this.#positions.subarray(0, token),
      queryStarts: this.#queryStarts.subarray(0, entries.length + 1),
      kvLengths: this.#kvLengths.subarray(0, entries.length),
      pageTables: this.#pageTables.subarray(0, entries.length * maxPages),
      maxPages,
      logitRows: this.#logitRows.subarray(0, row),
      samplers: this.#samplers.subarray(0, row),
      wantLogits: entries.some(e => e.sequence.wants === 'logits'),
      wantRoutes: entries.some(e => e.sequence.wants === 'routes'),
      wantHidden: entries.some(e => e.sequence.wants === 'hidden'),
    }
  }

  #fillTokens({ sequence, start, count }: PlanEntry, token: number): void {
    this.#tokenIds.set(sequence.tokens(start, start + count), token)
    for (let i = 0; i < count; i++) this.#positions[token + i] = start + i
  }

  #fillPages({ sequence }: PlanEntry, offset: number, maxPages: number): void {
    this.#pageTables.set(sequence.pages, offset)
    this.#pageTables.fill(-1, offset + sequence.pages.length, offset + maxPages)
  }

  #fillRows({ sequence, count, reachesEnd }: PlanEntry, token: number, row: number): number {
    if (sequence.wants === 'logits' || sequence.wants === 'hidden') {
      for (let i = 0; i < count; i++) {
        this.#logitRows[row] = token + i
        this.#samplers[row++] = -1
      }
    } else if (sequence.wants === 'token' && reachesEnd) {
      this.#logitRows[row] = token + count - 1
      this.#samplers[row++] = sequence.sampler
    }
    return row
  }
}
