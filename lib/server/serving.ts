/**
 * What all requests of one app share: the model once it is there, the places, the metrics.
 * @module
 */

import type { Model } from '../engine/model.ts'
import { fromNative } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { Admission } from './admission.ts'
import { ServerMetrics } from './metrics.ts'
import type { CheckedAppOptions } from './options.ts'
import { Refusal } from './refusal.ts'
import { ResponseStore } from './response-store.ts'
import { type ServedModel, servedModel } from './served-model.ts'

export type ServingState = 'loading' | 'ready' | 'failed' | 'draining'

export class Serving {
  readonly options: CheckedAppOptions
  readonly admission: Admission
  readonly metrics: ServerMetrics
  readonly responses = new ResponseStore()
  /** Seconds since 1970, as clients count. */
  readonly created = Math.floor(Date.now() / 1000)
  #model: ServedModel | undefined
  #failure: string | undefined
  /** 0 … 1 of the load, where it is known. */
  progress = 0

  constructor(
    source: Model | ServedModel | Promise<Model | ServedModel>,
    options: CheckedAppOptions,
  ) {
    this.options = options
    const { maxRequests, maxRequestsPerKey, keys } = options
    this.admission = new Admission(maxRequests, maxRequestsPerKey, keys.numTenants)
    this.metrics = new ServerMetrics(options.modelName, () => this.#model?.engine.stats())
    this.metrics.watch(() => this.guard?.counts() ?? [])
    if (!(source instanceof Promise)) this.#take(source)
    else source.then(model => this.#take(model)).catch(error => this.fail(error))
  }

  get state(): ServingState {
    const lost = this.#model?.engine.failure
    if (lost !== undefined && this.#failure === undefined) this.fail(lost)
    if (this.#failure !== undefined) return 'failed'
    if (this.admission.draining) return 'draining'
    return this.#model === undefined ? 'loading' : 'ready'
  }

  /** What looks at all that enters and leaves, once there is a model that has one. */
  get guard(): Guard | undefined {
    return this.#model?.engine.guard
  }

  /** False while it is loading, and once it failed. */
  get isLoaded(): boolean {
    return this.#model !== undefined && this.#failure === undefined
  }

  /** Throws a 503 where the engine failed or the server drains, a 429 where it is full. */
  check(tenant: string): void {
    if (this.state === 'failed') throw engineFailed()
    this.admission.check(tenant)
  }

  /** The model; throws a 503 while there is none. */
  get model(): ServedModel {
    if (this.#failure !== undefined) throw engineFailed()
    if (this.#model !== undefined) return this.#model
    throw new Refusal({
      status: 503,
      code: 'not_ready',
      message: 'The server is loading its model. Try again when /health says 200.',
      headers: { 'retry-after': '2' },
    })
  }

  /** From now on every request is refused, and /health says so. */
  fail(error: unknown): void {
    const { code } = fromNative(error)
    this.#failure = code
    this.options.log.error({ code }, 'engine failed')
  }

  #take(source: Model | ServedModel): void {
    this.#model = 'generate' in source ? servedModel(source, this.options.engine) : source
  }
}

function engineFailed(): Refusal {
  return new Refusal({
    status: 503,
    code: 'engine_failed',
    message: 'The engine failed; the server must be started again.',
  })
}
