/**
 * Responses by their id, in memory, the oldest forgotten first. Each belongs to one tenant.
 * @module
 */
import type { WireMessage } from './wire/messages.ts'

export interface StoredResponse {
  tenant: string
  /** The conversation up to and with the reply. */
  messages: readonly WireMessage[]
  /** What was answered. */
  response: object
}

export class ResponseStore {
  readonly #maxBytes: number
  readonly #maxCount: number
  readonly #stored = new Map<string, { value: StoredResponse; bytes: number }>()
  #bytes = 0

  constructor(maxBytes = 64 * 2 ** 20, maxCount = 4096) {
    this.#maxBytes = maxBytes
    this.#maxCount = maxCount
  }

  get bytes(): number {
    return this.#bytes
  }

  put(id: string, value: StoredResponse): void {
    const bytes = 2 * JSON.stringify(value).length
    if (bytes > this.#maxBytes) return
    this.#stored.set(id, { value, bytes })
    this.#bytes += bytes
    for (const oldest of this.#stored.keys()) {
      if (this.#bytes <= this.#maxBytes && this.#stored.size <= this.#maxCount) break
      this.#remove(oldest)
    }
  }

  /** Undefined too where it is another tenant's. */
  get(id: string, tenant: string): StoredResponse | undefined {
    const value = this.#stored.get(id)?.value
    return value?.tenant === tenant ? value : undefined
  }

  /** False where there is none. */
  delete(id: string, tenant: string): boolean {
    if (this.get(id, tenant) === undefined) return false
    this.#remove(id)
    return true
  }

  #remove(id: string): void {
    this.#bytes -= this.#stored.get(id)?.bytes ?? 0
    this.#stored.delete(id)
  }
}
