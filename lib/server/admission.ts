/**
 * How many requests are in work at once, and what others hear.
 * @module
 */
import { Refusal } from './refusal.ts'

/** A place among the requests in work; freed once, however often it is called. */
export type Permit = () => void

/** Of the places that others leave, what one of several tenants may hold. */
const mostOfTheRest = 3 / 4

/**
 * Where several tenants may ask, none holds more than three quarters of the places that the others
 * leave: whoever floods the server leaves room for the next, two that flood it get as much each.
 */
export class Admission {
  readonly #maxRequests: number
  readonly #maxPerTenant: number
  readonly #isShared: boolean
  readonly #perTenant = new Map<string, number>()
  #active = 0
  #draining = false
  #onIdle: (() => void)[] = []

  constructor(maxRequests: number, maxPerTenant: number, numTenants: number) {
    this.#maxRequests = maxRequests
    this.#maxPerTenant = maxPerTenant
    this.#isShared = numTenants > 1
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
    if (this.#active >= this.#maxRequests) throw full('The server has', this.#maxRequests)
    const own = this.#perTenant.get(tenant) ?? 0
    const most = this.#mostFor(own)
    if (own >= most) throw full('This key has', most)
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

  #mostFor(own: number): number {
    if (!this.#isShared) return this.#maxPerTenant
    const left = this.#maxRequests - (this.#active - own)
    return Math.min(this.#maxPerTenant, Math.ceil(mostOfTheRest * left))
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

function full(whose: string, most: number): Refusal {
  return new Refusal({
    status: 429,
    code: 'overloaded',
    message: `${whose} as many requests in work as it may, ${most}. Try again in a moment.`,
    headers: { 'retry-after': '1' },
  })
}
