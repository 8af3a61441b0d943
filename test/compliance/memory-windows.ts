/**
 * What window rules remember, without a database.
 * @module
 */
import type { Observation, Windows } from '../../lib/compliance/evaluate.ts'

interface Kept extends Observation {
  readonly subject: string
  readonly at: number
}

const hourMs = 3_600_000
/** Of one process; a database has no such bound. */
const mostKept = 100_000

/** Sums of every subject, the oldest forgotten first. */
export class MemoryWindows {
  readonly #kept: Kept[] = []

  /** The windows of one subject at one moment. */
  of(subject: string, at: Date): Windows {
    const kept = this.#kept
    const now = at.getTime()
    return {
      async add(observations) {
        for (const one of observations) kept.push({ ...one, subject, at: now })
        kept.splice(0, kept.length - mostKept)
      },
      async since(rule, kind, hours) {
        const found = kept
          .filter(one => one.subject === subject && one.rule === rule && one.kind === kind)
          .filter(one => one.at <= now && one.at > now - hours * hourMs)
        return { count: found.length, total: found.reduce((sum, one) => sum + one.amount, 0) }
      },
    }
  }
}
