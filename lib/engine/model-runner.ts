/**
 * Runs a plan natively and gives each of its sequences what it produced.
 * @module
 */
import { ConclaveError, fromNative } from '../errors.ts'
import type { Executor, NativeSamplingParams, StepResult } from '../native.ts'
import type { BatchBuilder } from './batch.ts'
import type { Plan, PlanEntry } from './scheduler.ts'
import type { Sequence } from './sequence.ts'

/** One alternative of a sampled token. */
export interface RankedToken {
  tokenId: number
  logprob: number
}

/** What a step gave one sequence. */
export type StepOutput =
  /** A chunk of the prompt is done, more follows. */
  | { kind: 'none' }
  | { kind: 'token'; tokenId: number; logprob: number; top: RankedToken[] }
  /** (count, vocab_size) logits of the entry's tokens, from token `start` on. */
  | { kind: 'logits'; start: number; logits: Float32Array }
  /**
   * The step's experts, (sparse layers, stepTokens, experts a token); the entry's `count` tokens
   * start at `offset`.
   */
  | {
      kind: 'routes'
      start: number
      count: number
      offset: number
      stepTokens: number
      routes: Int32Array
    }
  /** (count, hidden_size) what the head reads of the entry's tokens, from token `start` on. */
  | { kind: 'hidden'; start: number; hidden: Float32Array }
  | { kind: 'error'; error: ConclaveError }

/** What the engine needs of a model; the executor, or a fake one in tests. */
export type StepExecutor = Pick<Executor, 'step' | 'openSampler' | 'closeSampler' | 'dispose'>

export class ModelRunner {
  readonly #executor: StepExecutor
  readonly #batches: BatchBuilder
  readonly #sampling = new Map<Sequence, NativeSamplingParams>()

  constructor(executor: StepExecutor, batches: BatchBuilder) {
    this.#executor = executor
    this.#batches = batches
  }

  /** Opens the sampler of a sequence before its first step. */
  open(sequence: Sequence, sampling: NativeSamplingParams): void {
    this.#sampling.set(sequence, sampling)
    this.#openSampler(sequence, sampling)
  }

  close(sequence: Sequence): void {
    this.#sampling.delete(sequence)
    if (sequence.sampler >= 0) this.#executor.closeSampler(sequence.sampler)
    sequence.sampler = -1
  }

  /**
   * Never rejects: where a step of several sequences fails, each is run alone, so that only the
   * guilty one ends.
   */
  async run(plan: Plan): Promise<StepOutput[]> {
    try {
      return readOutputs(plan, await this.#executor.step(this.#batches.build(plan)))
    } catch (error) {
      if (plan.entries.length === 1) return [{ kind: 'error', error: fromNative(error) }]
    }
    const outputs: StepOutput[] = []
    for (const entry of plan.entries) {
      this.#reopen(entry.sequence)
      outputs.push(...(await this.run(planOf(entry))))
    }
    return outputs
  }

  dispose(): Promise<void> {
    return this.#executor.dispose()
  }

  /** The failed step may have counted a token that was never delivered. */
  #reopen(sequence: Sequence): void {
    const sampling = this.#sampling.get(sequence)
    if (sampling === undefined) return
    this.#executor.closeSampler(sequence.sampler)
    this.#openSampler(sequence, sampling)
  }

  #openSampler(sequence: Sequence, sampling: NativeSamplingParams): void {
    try {
      const prompt = sequence.tokens(0, sequence.numPromptTokens)
      const generated = sequence.tokens(sequence.numPromptTokens)
      sequence.sampler = this.#executor.openSampler(sampling, prompt, generated)
    } catch (error) {
      throw fromNative(error)
    }
  }
}

/** A step of one sequence alone. */
function planOf(entry: PlanEntry): Plan {
  return { entries: [entry], numTokens: entry.count, numLogitRows: entry.count }
}

function readOutputs(plan: Plan, result: StepResult): StepOutput[] {
  let row = 0
  let token = 0
  return plan.entries.map(entry => {
    const { start, count } = entry
    const offset = token
    token += count
    const { wants } = entry.sequence
    if (wants === 'logits') {
      row += count
      return readLogits(entry, result, row - count)
    }
    if (wants === 'hidden') {
      row += count
      return readHidden(entry, result, row - count)
    }
    if (wants === 'routes') {
      const routes = result.routes ?? new Int32Array(0)
      return { kind: 'routes', start, count, offset, stepTokens: plan.numTokens, routes }
    }
    return entry.reachesEnd ? readToken(result, row++) : { kind: 'none' }
  })
}

function readLogits(entry: PlanEntry, result: StepResult, row: number): StepOutput {
  const logits = result.logits!
  const vocabSize = logits.length / result.tokenIds.length
  return {
    kind: 'logits',
    start: entry.start,
    logits: logits.subarray(row * vocabSize, (row + entry.count) * vocabSize),
  }
}

function readHidden(entry: PlanEntry, result: StepResult, row: number): StepOutput {
  const all = result.hidden!
  const width = all.length / result.tokenIds.length
  const hidden = all.subarray(row * width, (row + entry.count) * width)
  return { kind: 'hidden', start: entry.start, hidden }
}

function readToken(result: StepResult, row: number): StepOutput {
  const tokenId = result.tokenIds[row]!
  if (result.status[row] !== 0 || tokenId < 0)
    return {
      kind: 'error',
      error: new ConclaveError(
        'numerical_error',
        'Expected finite logits, but the model produced NaN or infinity. Load it with ' +
          '`validate: true` to find a weight that is not finite, or with weights of more range.',
      ),
    }
  const top: RankedToken[] = []
  for (let i = row * result.topN; i < (row + 1) * result.topN && result.topIds[i]! >= 0; i++)
    top.push({ tokenId: result.topIds[i]!, logprob: result.topLogprobs[i]! })
  return { kind: 'token', tokenId, logprob: result.logprobs[row]!, top }
}
