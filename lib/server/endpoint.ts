/**
 * One route: what it takes, who may call it, and what it answers.
 * @module
 */
import type { z } from 'zod'
import type { ConclaveError } from '../errors.ts'
import type { Tenant } from './api-keys.ts'
import type { Dialect } from './error-body.ts'
import type { Generation } from './served-model.ts'
import type { Serving } from './serving.ts'

/** Answers that are under way. */
export interface Running extends Pick<Generation, 'stop'> {
  readonly answers: number
}

/** One request that passed the checks. */
export interface Call<Body = unknown> {
  readonly serving: Serving
  readonly request: Request
  /** 128 random bits; in the answer's `id` and in its `x-request-id`. */
  readonly id: string
  readonly body: Body
  readonly params: Readonly<Record<string, string>>
  readonly tenant: Tenant
  /** Fires when the client goes away. */
  readonly signal: AbortSignal
  /**
   * What works for it and is not read to its end: to be stopped where the client cancels an answer
   * before it begins, and counted where the request is over.
   */
  readonly running: Set<Running>
  /** What a `x-conclave-warning` header tells. */
  readonly warnings: string[]
  /**
   * Keeps the request's place until what is returned is called, with the error that ended it if one
   * did; otherwise it is free once the handler is over.
   */
  keep(): (error?: ConclaveError) => void
}

export interface Endpoint<Schema extends z.ZodType = z.ZodType> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `/v1/models/:model` */
  readonly path: string
  readonly summary: string
  readonly dialect: Dialect
  /** Only `/health` is open. */
  readonly open?: boolean
  /** Takes a place among the requests in work. */
  readonly works?: boolean
  readonly body?: Schema
  /** Names of the body that are neither in the schema nor ignored. */
  readonly also?: readonly string[]
  /** The field of the body that holds the prompt: at fault where it is too long. */
  readonly prompt?: 'messages' | 'prompt' | 'input'
  /** What a request names and may not be there: a 404 then. */
  readonly finds?: readonly ('model' | 'response')[]
  /** Why a body that holds to its schema may get a 400. */
  readonly refuses?: readonly string[]
  /** What a 200 holds. */
  readonly answer?: z.ZodType
  /** Other than JSON: text/event-stream and the like. */
  readonly produces?: readonly string[]
  handle(call: Call<z.infer<Schema>>): Response | Promise<Response>
}

export function endpoint<Schema extends z.ZodType>(one: Endpoint<Schema>): Endpoint {
  return one as unknown as Endpoint
}
