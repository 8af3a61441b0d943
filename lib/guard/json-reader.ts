/**
 * Cuts a text into prose, the strings of JSON without their escapes, and what stands around them.
 * @module
 */

export enum Part {
  Prose,
  /** Brackets, numbers, literals and blanks of JSON, and the quotes of its strings. */
  Structure,
  String,
}

/** A stretch of the text that is read, and where it came from. */
export interface Run {
  part: Part
  /** Offsets in what is read. */
  start: number
  end: number
  /** Offset behind it in what came in. */
  rawEnd: number
  /** An escape as it was written; undefined: as it is read. */
  raw: string | undefined
}

const plainEscapes = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
  ['"', '"'],
  ['/', '/'],
  ['\\', '\\'],
])
/** Behind these a bracket opens JSON, as at the beginning of the text. */
const openers = ['<tool_call>', '</think>']
const longestOpener = 11
const escapeLength = 6
const literals = ['true', 'false', 'null']

/** Between two values, or a name and its value. */
const isBetween = (unit: string): boolean => /[\s:]/.test(unit)

/**
 * JSON is read from an opening bracket to the one that closes it. What no JSON has there, such as
 * a word without quotes, is prose.
 */
export class JsonReader {
  #offset = 0
  #rawOffset = 0
  #depth = 0
  #inString = false
  #escape = ''
  /** Only blanks since the beginning or an opener. */
  #fresh = true
  #tail = ''
  /** Letters of a literal, or one digit for all of a number, so far. */
  #token = ''
  /** What comes next is a run of its own. */
  #apart = false
  /** Up to the next comma, bracket or quote it is prose. */
  #bare = false

  /** The text as it is read; what it is made of is added to `runs`. */
  read(text: string, runs: Run[]): string {
    let out = ''
    let at = 0
    while (at < text.length) {
      const even = this.#evenUntil(text, at)
      if (even > at) {
        const part = this.#inString ? Part.String : Part.Prose
        out += this.#add(text.slice(at, even), undefined, part, runs)
        at = even
        continue
      }
      const unit = text[at++]!
      if (this.#escape !== '') out += this.#readEscape(unit, runs)
      else if (this.#inString && unit === '\\') this.#escape = unit
      else out += this.#add(unit, undefined, this.#partOf(unit, runs), runs)
    }
    return out
  }

  /** The end of what goes on as it is: text in which nothing opens, or a string. */
  #evenUntil(text: string, from: number): number {
    if (this.#escape !== '') return from
    if (this.#inString) {
      let at = from
      while (at < text.length && text[at] !== '"' && text[at] !== '\\') at++
      return at
    }
    if (this.#depth > 0 || this.#fresh || this.#tail !== '') return from
    const opener = text.indexOf('<', from)
    return opener < 0 ? text.length : opener
  }

  /** An escape that was never finished. */
  end(runs: Run[]): string {
    const rest = this.#escape
    this.#escape = ''
    this.#endToken(runs)
    return rest === '' ? '' : this.#add(rest, rest, Part.String, runs)
  }

  #readEscape(unit: string, runs: Run[]): string {
    this.#escape += unit
    const written = this.#escape
    if (written[1] === 'u' && written.length < escapeLength && /^\\u[0-9a-fA-F]*$/.test(written))
      return ''
    this.#escape = ''
    const code = /^\\u([0-9a-fA-F]{4})$/.exec(written)
    const read = code
      ? String.fromCharCode(Number.parseInt(code[1]!, 16))
      : (plainEscapes.get(written[1]!) ?? written)
    return this.#add(read, written, Part.String, runs)
  }

  #partOf(unit: string, runs: Run[]): Part {
    if (this.#depth === 0) {
      if ((unit !== '{' && unit !== '[') || !this.#fresh) return this.#prose(unit)
      this.#depth = 1
      this.#fresh = false
      return Part.Structure
    }
    if (this.#inString) {
      if (unit !== '"') return Part.String
      this.#inString = false
      return Part.Structure
    }
    return this.#structure(unit, runs)
  }

  #structure(unit: string, runs: Run[]): Part {
    const opens = unit === '{' || unit === '['
    const closes = unit === '}' || unit === ']'
    if (unit === '"' || unit === ',' || opens || closes) {
      this.#endToken(runs)
      this.#bare = false
      this.#inString = unit === '"'
      if (opens) this.#depth++
      if (closes) this.#depth--
      return Part.Structure
    }
    if (this.#bare) return Part.Prose
    if (isBetween(unit)) {
      this.#endToken(runs)
      return Part.Structure
    }
    const token = this.#tokenWith(unit)
    if (token === undefined) {
      if (this.#token !== '') runs.at(-1)!.part = Part.Prose
      this.#token = ''
      this.#bare = true
      return Part.Prose
    }
    this.#apart ||= this.#token === ''
    this.#token = token
    return Part.Structure
  }

  /** The number or literal that goes on with `unit`; undefined where none does. */
  #tokenWith(unit: string): string | undefined {
    const isDigit = /[-+.0-9]/.test(unit)
    if (this.#token === '' || this.#token === '0') {
      if (isDigit) return '0'
      if (this.#token === '0') return /[eE]/.test(unit) ? 'e' : undefined
    }
    if (this.#token === 'e') return isDigit ? 'e' : undefined
    const token = this.#token + unit
    return literals.some(literal => literal.startsWith(token)) ? token : undefined
  }

  /** The beginning of a literal that did not go on was prose. */
  #endToken(runs: Run[]): void {
    const token = this.#token
    if (token === '') return
    this.#token = ''
    this.#apart = true
    if (token !== '0' && token !== 'e' && !literals.includes(token)) runs.at(-1)!.part = Part.Prose
  }

  #prose(unit: string): Part {
    this.#fresh &&= /\s/.test(unit)
    if (unit === '<') this.#tail = unit
    else if (this.#tail !== '') {
      this.#tail += unit
      if (openers.includes(this.#tail)) this.#fresh = true
      if (this.#fresh || this.#tail.length > longestOpener) this.#tail = ''
    }
    return Part.Prose
  }

  #add(read: string, raw: string | undefined, part: Part, runs: Run[]): string {
    const start = this.#offset
    this.#offset += read.length
    this.#rawOffset += (raw ?? read).length
    const last = this.#apart ? undefined : runs.at(-1)
    this.#apart = false
    if (last !== undefined && raw === undefined && last.raw === undefined && last.part === part) {
      last.end = this.#offset
      last.rawEnd = this.#rawOffset
    } else runs.push({ part, start, end: this.#offset, rawEnd: this.#rawOffset, raw })
    return read
  }
}
