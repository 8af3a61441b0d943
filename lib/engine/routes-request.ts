/**
 * A request for the experts that each prompt token chooses.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { StepOutput } from './model-runner.ts'
import type { EngineRequest, FinishReason, RequestTimes } from './request.ts'
import { Sequence } from './sequence.ts'

/** Which layers route, and to how many experts a token. */
export interface Routing {
  layers: readonly number[]
  expertsPerToken: number
}

/** One sparse layer: for each token its experts, in falling router weight. */
export interface LayerRoutes {
  layer: number
  expertIds: number[][]
}

export class RoutesRequest implements EngineRequest {
  readonly sequence: Sequence
  readonly sampling = null
  readonly times: RequestTimes
  /** Rejects with the error of the step, or `disposed`. */
  readonly routes: Promise<LayerRoutes[]>
  readonly #layers: LayerRoutes[]
  readonly #expertsPerToken: number
  #resolve!: (routes: LayerRoutes[]) => void
  #reject!: (error: ConclaveError) => void

  constructor(id: number, promptIds: ArrayLike<number>, routing: Routing, submitted: number) {
    this.sequence = new Sequence({ id, promptIds, maxTokens: 0, wants: 'routes' })
    this.times = { submitted }
    this.#layers = routing.layers.map(layer => ({ layer, expertIds: [] }))
    this.#expertsPerToken = routing.expertsPerToken
    this.routes = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(output: StepOutput): FinishReason | undefined {
    if (output.kind !== 'routes') return undefined
    const { start, count, isLast, offset, stepTokens, routes } = output
    const width = this.#expertsPerToken
    this.#layers.forEach(({ expertIds }, l) => {
      for (let t = 0; t < count; t++) {
        const at = (l * stepTokens + offset + t) * width
        // After a preemption the prompt is run again.
        expertIds[start + t] = Array.from(routes.subarray(at, at + width))
      }
    })
    return isLast ? 'length' : undefined
  }

  end(reason: FinishReason): void {
    if (reason === 'length') this.#resolve(this.#layers)
    else
      this.#reject(new ConclaveError('disposed', 'The model was disposed before its routes came.'))
  }

  fail(error: ConclaveError): void {
    this.#reject(error)
  }
}
