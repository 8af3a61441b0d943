/**
 * How many requests are in work at once, and what others hear.
 * @module
 */
import { Refusal } from './refusal.ts'

/** A place among the requests in work; freed once, however often it is called. */
export type Permit = () => void

export class Admission {
  readonly #maxRequests: number
  readonly #maxPerTenant: number
  readonly #perTenant = new Map<string, number>()
  #active = 0
  #draining = false
  #onIdle: (() => void)[] = []

  constructor(maxRequests: number, maxPerTenant: number) {
    this.#maxRequests = maxRequests
    this.#maxPerTenant = maxPerTenant
  }

  get active(): number {
    return this.#active
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Throws a 503 while draining and a 429 where the places are taken. */
  check(tenant: string): void {
    if (this.#draining)
      throw new Refusal({
        status: 503,
        code: 'shutting_down',
        message: 'The server is shutting down and takes no new requests.',
        headers: { 'retry-after': '5', connection: 'close' },
      })
    const own = this.#perTenant.get(tenant) ?? 0
    if (this.#active < this.#maxRequests && own < this.#maxPerTenant) return
    const whose = own < this.#maxPerTenant ? 'The server has' : 'This key has'
    const most = own < this.#maxPerTenant ? this.#maxRequests : this.#maxPerTenant
    throw new Refusal({
      status: 429,
      code: 'overloaded',
      message: `${whose} as many requests in work as it may, ${most}. Try again in a moment.`,
      headers: { 'retry-after': '1' },
    })
  }

  /** A place; throws as {@link Admission.check}. */
  enter(tenant: string): Permit {
    this.check(tenant)
    this.#active++
    this.#perTenant.set(tenant, (this.#perTenant.get(tenant) ?? 0) + 1)
    let open = true
    return () => {
      if (!open) return
      open = false
      this.#leave(tenant)
    }
  }

  /** No new requests from now on; resolves when those in work are over. */
  drain(): Promise<void> {
    this.#draining = true
    if (this.#active === 0) return Promise.resolve()
    return new Promise(resolve => this.#onIdle.push(resolve))
  }

  #leave(tenant: string): void {
    const left = this.#perTenant.get(tenant)! - 1
    if (left > 0) this.#perTenant.set(tenant, left)
    else this.#perTenant.delete(tenant)
    this.#active--
    if (this.#active > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
