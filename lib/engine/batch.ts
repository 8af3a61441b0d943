/**
 * A plan as the flat arrays of one native step, in memory that every step uses again.
 * @module
 */
import type { StepBatch } from '../native.ts'
import type { Plan, PlanEntry } from './scheduler.ts'
import type { SequenceOutput } from './sequence.ts'

export interface BatchLimits {
  maxBatchTokens: number
  maxSequences: number
  /** Pages of the longest sequence. */
  maxPages: number
}

/** Numbers before the arrays of a packed batch. */
const numHeader = 8

/** Builds one {@link StepBatch} at a time: the arrays of the last one are overwritten. */
export class BatchBuilder {
  readonly #words: Int32Array

  constructor({ maxBatchTokens, maxSequences, maxPages }: BatchLimits) {
    const ofSequences = maxSequences * (2 + maxPages) + 1
    this.#words = new Int32Array(numHeader + 4 * maxBatchTokens + ofSequences)
  }

  /**
   * Rows of the batch follow the plan's entries: one where a sequence samples, one a token where
   * all logits are wanted. A token that the step before samples stands as −1 − its row there.
   */
  build(plan: Plan): StepBatch {
    const { entries, numTokens } = plan
    const words = this.#words
    let maxPages = 1
    let numRows = 0
    const wanted = new Set<SequenceOutput>()
    for (const entry of entries) {
      maxPages = Math.max(maxPages, entry.sequence.pages.length)
      numRows += rowsOf(entry)
      if (entry.sequence.wants !== 'token') wanted.add(entry.sequence.wants)
      if (entry.sequence.tracesRoutes) wanted.add('routes')
    }
    let at = numHeader
    const take = (count: number) => {
      at += count
      return words.subarray(at - count, at)
    }
    const batch = {
      tokenIds: take(numTokens),
      positions: take(numTokens),
      queryStarts: take(entries.length + 1),
      kvLengths: take(entries.length),
      pageTables: take(entries.length * maxPages),
      maxPages,
      logitRows: take(numRows),
      samplers: take(numRows),
      wantLogits: wanted.has('logits'),
      wantRoutes: wanted.has('routes'),
      wantHidden: wanted.has('hidden'),
      packed: words.subarray(0, at),
    }
    const { wantLogits, wantRoutes, wantHidden } = batch
    const flags = (wantLogits ? 1 : 0) + (wantRoutes ? 2 : 0) + (wantHidden ? 4 : 0)
    words.set([numTokens, entries.length, numRows, maxPages, 0, flags])
    fill(batch, entries)
    return batch
  }
}

/** Logit rows that an entry has in its step. */
export function rowsOf({ sequence: { wants }, count, reachesEnd }: PlanEntry): number {
  if (wants === 'logits' || wants === 'hidden') return count
  return wants === 'token' && reachesEnd ? 1 : 0
}

function fill(batch: StepBatch, entries: readonly PlanEntry[]): void {
  const { queryStarts, kvLengths, pageTables, maxPages } = batch
  let token = 0
  let row = 0
  for (let s = 0; s < entries.length; s++) {
    const entry = entries[s]!
    const { pages } = entry.sequence
    queryStarts[s] = token
    kvLengths[s] = entry.start + entry.count
    for (let p = 0; p < maxPages; p++) pageTables[s * maxPages + p] = pages[p] ?? -1
    fillTokens(batch, entry, token)
    fillRows(batch, entry, token, row)
    token += entry.count
    row += rowsOf(entry)
  }
  queryStarts[entries.length] = token
}

function fillTokens({ tokenIds, positions }: StepBatch, entry: PlanEntry, token: number): void {
  const { sequence, start, count } = entry
  if (count === 1) tokenIds[token] = sequence.tokenAt(start)
  else tokenIds.set(sequence.tokens(start, start + count), token)
  if (start + count > sequence.length) tokenIds[token + count - 1] = -1 - sequence.row
  for (let i = 0; i < count; i++) positions[token + i] = start + i
}

function fillRows(batch: StepBatch, entry: PlanEntry, token: number, row: number): void {
  const { sequence, count } = entry
  const { logitRows, samplers } = batch
  const isSampled = sequence.wants === 'token'
  const numRows = rowsOf(entry)
  for (let i = 0; i < numRows; i++) {
    logitRows[row + i] = token + count - numRows + i
    samplers[row + i] = !isSampled ? -1 : sequence.editsLogits ? -2 : sequence.sampler
  }
  if (isSampled && numRows > 0) sequence.row = row
}
