/**
 * Which experts each token of one request was sent to.
 * @module
 */

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

/** Routes of a step, (sparse layers, stepTokens, experts a token), and whose tokens these are. */
export interface StepRoutes {
  routes: Int32Array
  stepTokens: number
  /** Where the sequence's `count` tokens start in the step. */
  offset: number
  /** Which of the sequence's tokens is the first of them. */
  start: number
  count: number
}

export class RouteTrace {
  readonly layers: LayerRoutes[]
  readonly #expertsPerToken: number

  constructor({ layers, expertsPerToken }: Routing) {
    this.layers = layers.map(layer => ({ layer, expertIds: [] }))
    this.#expertsPerToken = expertsPerToken
  }

  /** Tokens that a preemption made run again replace what was there. */
  add({ routes, stepTokens, offset, start, count }: StepRoutes): void {
    const width = this.#expertsPerToken
    this.layers.forEach(({ expertIds }, l) => {
      for (let t = 0; t < count; t++) {
        const at = (l * stepTokens + offset + t) * width
        expertIds[start + t] = Array.from(routes.subarray(at, at + width))
      }
    })
  }
}
