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
  /**
   * By the power of two that their number reaches: while a long prompt is read no step decodes
   * alone, so what is known of many streams must not stand for the few that are left.
   */
  readonly #decodeMs: (number | undefined)[] = []
  #promptTokenMs: number | undefined

  /** A step of so many decodes and prompt tokens took `ms`. */
  note(ms: number, numDecodes: number, numPromptTokens: number): void {
    if (numPromptTokens === 0) {
      const power = powerOf(numDecodes)
      this.#decodeMs[power] = mean(this.#decodeMs[power], ms)
    } else {
      const rest = numDecodes > 0 ? ms - (this.#decodingMs(numDecodes) ?? 0) : ms
      this.#promptTokenMs = mean(this.#promptTokenMs, Math.max(0, rest) / numPromptTokens)
    }
  }

  /** Tokens of long prompts for a step with so many decodes; no bound while nothing is known. */
  longPromptTokens(numDecodes: number): number {
    const decodingMs = this.#decodingMs(numDecodes)
    if (decodingMs === undefined || !this.#promptTokenMs) return Number.POSITIVE_INFINITY
    return Math.max(fewestTokens, Math.floor((share * decodingMs) / this.#promptTokenMs))
  }

  /** What so many decodes take at least: as fewer do, or their share of what more do. */
  #decodingMs(numDecodes: number): number | undefined {
    const power = powerOf(numDecodes)
    for (let p = power; p >= 0; p--) if (this.#decodeMs[p] !== undefined) return this.#decodeMs[p]
    const more = this.#decodeMs.findIndex(ms => ms !== undefined)
    return more < 0 ? undefined : this.#decodeMs[more]! / 2 ** (more - power)
  }
}

const powerOf = (count: number) => 31 - Math.clz32(count)

function mean(old: number | undefined, value: number): number {
  return old === undefined ? value : old + newest * (value - old)
}
