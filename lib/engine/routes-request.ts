/**
 * A request for the experts that each prompt token chooses.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import { type LayerRoutes, RouteTrace, type Routing } from './route-trace.ts'
import { Sequence } from './sequence.ts'

export class RoutesRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling = null
  readonly times: RequestTimes
  /** Rejects with the error of the step, or `disposed`. */
  readonly routes: Promise<LayerRoutes[]>
  readonly #trace: RouteTrace
  #resolve!: (routes: LayerRoutes[]) => void
  #reject!: (error: ConclaveError) => void

  constructor(id: number, promptIds: ArrayLike<number>, routing: Routing, submitted: number) {
    this.sequence = new Sequence({ id, promptIds, maxTokens: 0, wants: 'routes' })
    this.times = { submitted }
    this.#trace = new RouteTrace(routing)
    this.routes = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.routes !== undefined) this.#trace.add(output.routes)
    return output.kind === 'routes' && output.isLast ? 'length' : undefined
  }

  end(reason: FinishReason): void {
    if (reason === 'length') this.#resolve(this.#trace.layers)
    else
      this.#reject(new ConclaveError('disposed', 'The model was disposed before its routes came.'))
  }

  fail(error: ConclaveError): void {
    this.#reject(error)
  }
}
