/**
 * What the engine knows of one request: its sequence, and where its outputs go.
 * @module
 */
import type { ConclaveError } from '../errors.ts'
import type { NativeSamplingParams } from '../native.ts'
import type { StepOutput } from './model-runner.ts'
import type { StepRoutes } from './route-trace.ts'
import type { Sequence } from './sequence.ts'

export type FinishReason = 'stop' | 'length' | 'aborted' | 'content_filter'

/** When what happened, in ms of the engine's clock; undefined where it has not. */
export interface RequestTimes {
  submitted: number
  /** Its first step began. */
  started?: number
  firstToken?: number
  lastToken?: number
}

/**
 * One of `end` and `fail` is called, once, and nothing after it. None of the three may call the
 * engine.
 */
export interface EngineRequest {
  readonly sequence: Sequence
  /** null: nothing is sampled. */
  readonly sampling: NativeSamplingParams | null
  readonly times: RequestTimes
  /** Edits the logits of its next token, where its sequence `editsLogits`. */
  edit?(logits: Float32Array): void
  /** Takes the experts of its tokens, where its sequence `tracesRoutes`. */
  trace?(routes: StepRoutes): void
  /** Takes what a step gave; a reason ends the request. */
  accept(output: StepOutput): FinishReason | undefined
  end(reason: FinishReason): void
  fail(error: ConclaveError): void
}
