/**
 * Users' own regular expressions, on an engine whose time is linear in the text (RE2's).
 * @module
 */
import { RE2JS, RE2JSException } from 're2js'
import { ConclaveError } from '../errors.ts'
import type { Found, Tracker } from './scanner.ts'

/** A pattern as a policy has it. */
export interface Pattern {
  readonly id: string
  readonly pattern: string
  readonly ignoreCase?: boolean | undefined
}

/** A longer line is read in pieces of so many characters … */
const longestLine = 4096
/** … of which each begins so many before the end of the last: no longer match is found whole. */
const longestPatternMatch = 512

const NEWLINE = 10

interface Compiled {
  readonly id: string
  readonly regex: RE2JS
}

/** All patterns of a guard; shared by every text. */
export class PatternIndex {
  readonly compiled: readonly Compiled[]

  /**
   * Throws `invalid_request` for what the engine cannot do, such as back-references and
   * look-ahead, and for a pattern that matches nothing at all.
   */
  constructor(patterns: readonly Pattern[]) {
    this.compiled = patterns.map((one, i) => ({ id: one.id, regex: compile(one, i) }))
  }

  /** A reader of one text. */
  tracker(): Tracker {
    return new PatternTracker(this)
  }
}

function compile({ id, pattern, ignoreCase }: Pattern, index: number): RE2JS {
  const path = ['patterns', String(index)]
  let regex: RE2JS
  try {
    regex = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause
    throw new ConclaveError(
      'invalid_request',
      `Expected a pattern that takes linear time for ${id}, but got: ${cause.message}. Write it ` +
        'without back-references, look-ahead and look-behind, as RE2 has it.',
      { path },
      { cause },
    )
  }
  if (!regex.matcher('').find()) return regex
  throw new ConclaveError(
    'invalid_request',
    `Expected a pattern with at least one character for ${id}, but it matches the empty text.`,
    { path },
  )
}

/**
 * Reads line by line: whether a match may still begin or grow is known at the end of a line alone,
 * so that a line leaves once it is whole.
 */
class PatternTracker implements Tracker {
  readonly #index: PatternIndex
  /** Pieces of the line that has not ended. */
  #pieces: string[] = []
  #length = 0
  /** Offset of its first character that is held. */
  #start = 0

  constructor(index: PatternIndex) {
    this.#index = index
  }

  read(text: string, from: number, base: number, final: boolean, found: Found[]): void {
    let at = from
    while (at < text.length) {
      const most = Math.min(text.length, at + longestLine - this.#length)
      const newline = text.indexOf('\n', at)
      const end = newline >= 0 && newline < most ? newline : most
      this.#pieces.push(text.slice(at, end))
      this.#length += end - at
      at = end
      if (text.charCodeAt(at) === NEWLINE) {
        this.#search(found)
        this.#restart('', base + ++at)
      } else if (this.#length === longestLine) {
        const line = this.#search(found)
        const rest = line.slice(-longestPatternMatch)
        this.#restart(rest, base + at - rest.length)
      }
    }
    if (!final) return
    this.#search(found)
    this.#restart('', base + text.length)
  }

  #restart(held: string, start: number): void {
    this.#pieces = held === '' ? [] : [held]
    this.#length = held.length
    this.#start = start
  }

  #search(found: Found[]): string {
    const line = this.#pieces.join('')
    if (line === '') return line
    for (const { id, regex } of this.#index.compiled) {
      const matcher = regex.matcher(line)
      while (matcher.find()) {
        const [start, end] = [this.#start + matcher.start(), this.#start + matcher.end()]
        if (end > start) found.push({ category: 'pattern', rule: id, start, end, score: 1 })
      }
    }
    return line
  }

  hold(): number {
    return this.#start
  }
}
