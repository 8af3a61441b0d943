/**
 * How much of a long prompt fits into a step without making those who stream wait.
 * @module
 */

/** Weight of the newest step in the running means. */
const newest = 0.2
const fewestTokens = 8
/** Of the time that decoding takes; 0.8 gave token gaps of up to 2.04 times those without. */
const share = 0.6

/**
 * Learns from steps what decoding takes and what a prompt token adds, so that a step with a piece
 * of a long prompt takes less than twice as long as one without. No clock of its own.
 */
export class Pace {
  #decodeMs: number | undefined
  #promptTokenMs: number | undefined

  /** A step of so many decodes and prompt tokens took `ms`. */
  note(ms: number, numDecodes: number, numPromptTokens: number): void {
    if (numPromptTokens === 0) this.#decodeMs = mean(this.#decodeMs, ms)
    else {
      const rest = numDecodes > 0 ? ms - (this.#decodeMs ?? 0) : ms
      this.#promptTokenMs = mean(this.#promptTokenMs, Math.max(0, rest) / numPromptTokens)
    }
  }

  /** Tokens of long prompts for a step that also decodes; no bound while nothing is known. */
  get longPromptTokens(): number {
    if (this.#decodeMs === undefined || !this.#promptTokenMs) return Number.POSITIVE_INFINITY
    return Math.max(fewestTokens, Math.floor((share * this.#decodeMs) / this.#promptTokenMs))
  }
}

function mean(old: number | undefined, value: number): number {
  return old === undefined ? value : old + newest * (value - old)
}
