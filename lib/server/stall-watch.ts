/**
 * Ends connections whose client stopped reading.
 * @module
 */
import type { Socket } from 'node:net'

export class StallWatch {
  readonly #timeoutMs: number
  /** Open connections, and since when what is written to them has not moved. */
  readonly #open = new Map<Socket, { written: number; since: number }>()
  readonly #timer: NodeJS.Timeout

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#timer = setInterval(() => this.#check(), Math.min(1000, timeoutMs / 4))
    this.#timer.unref()
  }

  watch(socket: Socket): void {
    this.#open.set(socket, { written: -1, since: 0 })
    socket.once('close', () => this.#open.delete(socket))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    const now = performance.now()
    for (const [socket, state] of this.#open) {
      // What the kernel took so far; it grows as long as the client reads.
      const written = socket.bytesWritten - socket.writableLength
      if (socket.writableLength === 0 || written !== state.written) {
        state.written = written
        state.since = now
      } else if (now - state.since > this.#timeoutMs) socket.destroy()
    }
  }
}
