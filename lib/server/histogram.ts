/**
 * A histogram for each request: prom-client's own takes a microsecond an observation, and a request
 * has ten.
 * @module
 */
import type { Metric, Registry } from 'prom-client'

export class RequestHistogram {
  readonly name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  /** Values up to each bound and above the one before; the last are above all. */
  readonly #counts: Float64Array
  #sum = 0

  /** `bounds` ascend. Throws where the registry has the name already. */
  constructor(name: string, help: string, bounds: readonly number[], registry: Registry) {
    this.name = name
    this.#help = help
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
    registry.registerMetric(this as unknown as Metric)
  }

  observe(value: number): void {
    let at = 0
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++
    this.#counts[at]!++
    this.#sum += value
  }

  /** As prom-client's registry writes it. */
  async get() {
    const { name } = this
    let count = 0
    const buckets = Array.from(this.#counts, (own, at) => {
      count += own
      return {
        metricName: `${name}_bucket`,
        labels: { le: this.#bounds[at] ?? '+Inf' },
        value: count,
      }
    })
    const values = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ]
    return { name, help: this.#help, type: 'histogram', aggregator: 'sum', values }
  }
}
