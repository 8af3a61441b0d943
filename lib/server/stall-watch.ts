/**
 * Ends connections whose client stopped reading.
 * @module
 */
import type { ServerResponse } from 'node:http'

export class StallWatch {
  readonly #timeoutMs: number
  /** Open responses, and since when their buffer has not moved. */
  readonly #open = new Map<ServerResponse, { written: number; since: number }>()
  readonly #timer: NodeJS.Timeout

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#timer = setInterval(() => this.#check(), Math.min(1000, timeoutMs / 4))
    this.#timer.unref()
  }

  watch(response: ServerResponse): void {
    this.#open.set(response, { written: -1, since: 0 })
    response.once('close', () => this.#open.delete(response))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    const now = performance.now()
    for (const [response, state] of this.#open) {
      const { socket } = response
      // What the kernel took so far; it grows as long as the client reads.
      const written = socket === null ? 0 : socket.bytesWritten - socket.writableLength
      const waits = socket !== null && socket.writableLength > 0
      if (!waits || written !== state.written) {
        state.written = written
        state.since = now
      } else if (now - state.since > this.#timeoutMs) response.destroy()
    }
  }
}
