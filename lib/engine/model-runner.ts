/**
 * Runs a plan natively and gives each of its sequences what it produced.
 * @module
 */
import { ConclaveError, fromNative } from '../errors.ts'
import type { Executor, NativeSamplingParams, StepResult } from '../native.ts'
import { type BatchBuilder, rowsOf } from './batch.ts'
import type { StepRoutes } from './route-trace.ts'
import type { Plan, PlanEntry } from './scheduler.ts'
import type { Sequence } from './sequence.ts'

/** One alternative of a sampled token. */
export interface RankedToken {
  tokenId: number
  logprob: number
}

/** What a step gave one sequence; `routes` where it traces them. */
export type StepOutput = StepOutputOfKind & { routes?: StepRoutes }

type StepOutputOfKind =
  /** A chunk of the prompt is done, more follows. */
  | { kind: 'none' }
  /** (vocab_size) to be edited, then sampled with {@link ModelRunner.sample}. */
  | { kind: 'row'; logits: Float32Array }
  /** `closing`: fewer tokens were allowed, so that the answer is whole within its limit. */
  | { kind: 'token'; tokenId: number; logprob: number; top: RankedToken[]; closing: boolean }
  /** The answer's grammar is at its end, without a token that says so. */
  | { kind: 'whole' }
  /** (count, vocab_size) logits of the entry's tokens, from token `start` on. */
  | { kind: 'logits'; start: number; count: number; isLast: boolean; logits: Float32Array }
  | { kind: 'routes'; isLast: boolean }
  /** (count, hidden_size) what the head reads of the entry's tokens, from token `start` on. */
  | { kind: 'hidden'; start: number; count: number; isLast: boolean; hidden: Float32Array }
  | { kind: 'error'; error: ConclaveError }

/**
 * What the engine needs of a model; the executor, or a fake one in tests. Steps run in the order of
 * the calls, each batch as it was at its call.
 */
export interface StepExecutor
  extends Pick<Executor, 'step' | 'sample' | 'openSampler' | 'closeSampler' | 'dispose'> {
  /** Takes the last step back: true where it had not begun. Without it, no step can be. */
  retract?(): boolean
  /** As {@link Executor.failure}. Without it, the device never fails. */
  failure?(): string
}

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

  /** Queues the step of a plan behind those before it. */
  async run(plan: Plan): Promise<StepResult> {
    return this.#executor.step(this.#batches.build(plan))
  }

  /** Samples a row that was edited. */
  sample(sequence: Sequence, logits: Float32Array): StepOutput {
    return readToken(this.#executor.sample(sequence.sampler, logits), 0)
  }

  /** Takes the step queued last back; false where it runs or ran. */
  retract(): boolean {
    return this.#executor.retract?.() ?? false
  }

  /** A step of one sequence, whose sampler was reopened; never rejects. */
  async runAlone(entry: PlanEntry): Promise<StepOutput> {
    const { count } = entry
    const plan = { entries: [entry], numTokens: count, numDecodes: 0, numLogitRows: count }
    try {
      return readOutputs(plan, await this.run(plan))[0]!
    } catch (error) {
      return { kind: 'error', error: fromNative(error) }
    }
  }

  /** Why no step will ever run again; undefined while steps can. */
  failure(): ConclaveError | undefined {
    const sentence = this.#executor.failure?.() ?? ''
    return sentence === '' ? undefined : new ConclaveError('engine_failed', sentence)
  }

  dispose(): Promise<void> {
    return this.#executor.dispose()
  }

  /** For a sampler that may have counted a token which was never delivered. */
  reopen(sequence: Sequence): void {
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

/** What a step gave each entry of its plan. */
export function readOutputs(plan: Plan, result: StepResult): StepOutput[] {
  const { routes } = result
  const stepTokens = plan.numTokens
  const heldRow = readHeld(plan, result)
  let row = 0
  let offset = 0
  return plan.entries.map(entry => {
    const output: StepOutput = readOutput(entry, result, row, heldRow)
    const { sequence, start, count } = entry
    if (routes !== null && (sequence.tracesRoutes || sequence.wants === 'routes'))
      output.routes = { routes, stepTokens, offset, start, count }
    row += rowsOf(entry)
    offset += count
    return output
  })
}

function readOutput(
  entry: PlanEntry,
  result: StepResult,
  row: number,
  heldRow: (row: number) => Float32Array,
): StepOutput {
  const { reachesEnd: isLast } = entry
  const { wants, editsLogits } = entry.sequence
  if (wants === 'logits') return readLogits(entry, result, row)
  if (wants === 'hidden') return readHidden(entry, result, row)
  if (wants === 'routes') return { kind: 'routes', isLast }
  if (!isLast) return { kind: 'none' }
  return editsLogits ? { kind: 'row', logits: heldRow(row) } : readToken(result, row)
}

/** Logits of one row: rows come all together, or those to be edited alone. */
function readHeld({ entries }: Plan, { logits, tokenIds }: StepResult) {
  const isHeld = (e: PlanEntry) => e.reachesEnd && e.sequence.editsLogits
  const areAll = entries.some(e => e.sequence.wants === 'logits')
  const numRows = areAll ? tokenIds.length : entries.filter(isHeld).length
  const width = (logits?.length ?? 0) / numRows
  let next = 0
  return (row: number) => {
    const at = (areAll ? row : next++) * width
    return logits!.subarray(at, at + width)
  }
}

function readLogits(entry: PlanEntry, result: StepResult, row: number): StepOutput {
  const logits = result.logits!
  const vocabSize = logits.length / result.tokenIds.length
  return {
    kind: 'logits',
    start: entry.start,
    count: entry.count,
    isLast: entry.reachesEnd,
    logits: logits.subarray(row * vocabSize, (row + entry.count) * vocabSize),
  }
}

function readHidden(entry: PlanEntry, result: StepResult, row: number): StepOutput {
  const all = result.hidden!
  const width = all.length / result.tokenIds.length
  const hidden = all.subarray(row * width, (row + entry.count) * width)
  return {
    kind: 'hidden',
    start: entry.start,
    count: entry.count,
    isLast: entry.reachesEnd,
    hidden,
  }
}

function readTop({ topN, topIds, topLogprobs }: StepResult, row: number): RankedToken[] {
  const top: RankedToken[] = []
  for (let i = row * topN; i < (row + 1) * topN && topIds[i]! >= 0; i++)
    top.push({ tokenId: topIds[i]!, logprob: topLogprobs[i]! })
  return top
}

/** One for all tokens: a step then leaves less to collect. */
const none: RankedToken[] = []

function readToken(result: StepResult, row: number): StepOutput {
  const tokenId = result.tokenIds[row]!
  const status = result.status[row]!
  if (status === 4) return { kind: 'whole' }
  if (tokenId < 0) return { kind: 'error', error: noToken(status) }
  const top = result.topN > 0 ? readTop(result, row) : none
  return { kind: 'token', tokenId, logprob: result.logprobs[row]!, top, closing: status === 5 }
}

function noToken(status: number): ConclaveError {
  if (status === 2)
    return new ConclaveError(
      'grammar_error',
      'Expected a token that goes on with the grammar, but the vocabulary has none here. Widen ' +
        'the grammar, or use characters that the model can write.',
    )
  if (status === 3)
    return new ConclaveError(
      'grammar_limit',
      'Expected a grammar that takes little work a token, but this one takes too much. Make it ' +
        'less ambiguous.',
    )
  return new ConclaveError(
    'numerical_error',
    'Expected finite logits, but the model produced NaN or infinity. Load it with ' +
      '`validate: true` to find a weight that is not finite, or with weights of more range.',
  )
}
