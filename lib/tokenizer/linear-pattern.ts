/**
 * Whether a regular expression takes time in proportion to the text, whatever the text.
 *
 * It does where a loop, once entered, cannot be asked back: nothing that may fail stands after it
 * in its alternative. What may fail before a loop is bounded by a number of choices.
 * @module
 */

/** Ways that one place of the text may be tried in. */
const maxChoices = 4096
/** A longer repetition counts as a loop. */
const maxShortRepetition = 8
const maxDepth = 32

/**
 * Alternatives of published tokenizers that the rule refuses. Each fails once for a run at most,
 * for what stands beside it then takes the run.
 */
const whiteSpace = ['\\s+(?!\\S)', '\\s*[\\r\\n]+', '\\s*[\\r\\n]']
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'

/** Without the alternatives that are known to be linear together. */
function withoutKnown(source: string): string {
  let rest = source
  if (rest.endsWith('|\\s+')) for (const part of whiteSpace) rest = rest.replace(`|${part}|`, '|')
  if (rest.includes(`${upper}+${lower}*`)) rest = rest.replace(`${upper}*${lower}+`, `${lower}+`)
  return rest
}

export function isLinear(source: string): boolean {
  // Classes and escapes stand for one character each.
  const bare = withoutKnown(source)
    .replace(/\\[pP]\{[^}]*\}|\\[^1-9k]/g, 'x')
    .replace(/\[(?:[^\]\\]|\\.)*\]/g, 'x')
  const reader = new Reader(bare)
  return reader.alternatives(0) !== null && reader.atEnd
}

interface Part {
  choices: number
  loops: boolean
}

/** Every method gives null for what is not linear, or not understood. */
class Reader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  get atEnd(): boolean {
    return this.#at === this.#source.length
  }

  alternatives(depth: number): Part | null {
    if (depth > maxDepth) return null
    const all: Part = { choices: 0, loops: false }
    do {
      const part = this.#sequence(depth)
      if (part === null) return null
      all.choices += part.choices
      all.loops ||= part.loops
    } while (this.#takes('|'))
    return all.choices > maxChoices ? null : all
  }

  #sequence(depth: number): Part | null {
    const all: Part = { choices: 1, loops: false }
    while (!this.atEnd && this.#peek() !== '|' && this.#peek() !== ')') {
      const atom = this.#atom(depth)
      if (atom === null) return null
      const [least, most] = this.#quantifier()
      const isLoop = most > maxShortRepetition
      // A repeated group is refused elsewhere; here its choices multiply.
      if (all.loops && least > 0) return null
      if (isLoop && (atom.choices > 1 || atom.loops)) return null
      all.loops ||= atom.loops || isLoop
      const times = isLoop ? 1 : most - least + 1
      all.choices *= times * atom.choices ** (isLoop ? 1 : Math.max(1, most))
      if (all.choices > maxChoices) return null
    }
    return all
  }

  #atom(depth: number): Part | null {
    if (!this.#takes('(')) {
      this.#at++
      return { choices: 1, loops: false }
    }
    if (this.#takes('?')) {
      const flags = /^(?:[a-z-]*:|[=!])/.exec(this.#source.slice(this.#at, this.#at + 8))
      if (flags === null) return null
      this.#at += flags[0].length
    }
    const inner = this.alternatives(depth + 1)
    return inner !== null && this.#takes(')') ? inner : null
  }

  #quantifier(): [least: number, most: number] {
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})[?]?/.exec(
      this.#source.slice(this.#at, this.#at + 40),
    )
    if (found === null) return [1, 1]
    this.#at += found[0].length
    const sign = found[0][0]
    if (sign === '*') return [0, Number.POSITIVE_INFINITY]
    if (sign === '+') return [1, Number.POSITIVE_INFINITY]
    if (sign === '?') return [0, 1]
    const least = Number(found[1])
    const open = found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
    return [least, found[2] === undefined ? least : open]
  }

  #peek(): string | undefined {
    return this.#source[this.#at]
  }

  #takes(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at++
    return true
  }
}
