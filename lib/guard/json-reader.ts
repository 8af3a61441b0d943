/**
 * Cuts a text into prose, the strings of JSON without their escapes, and what stands around them.
 * @module
 */

export enum Part {
  Prose,
  /** Brackets, numbers, names and blanks of JSON, and the quotes of its strings. */
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

/** JSON is read from an opening bracket to the one that closes it. */
export class JsonReader {
  #offset = 0
  #rawOffset = 0
  #depth = 0
  #inString = false
  #escape = ''
  /** Only blanks since the beginning or an opener. */
  #fresh = true
  #tail = ''

  /** The text as it is read; what it is made of is added to `runs`. */
  read(text: string, runs: Run[]): string {
    let out = ''
    for (const unit of text) {
      if (this.#escape !== '') out += this.#readEscape(unit, runs)
      else if (this.#inString && unit === '\\') this.#escape = unit
      else out += this.#add(unit, undefined, this.#partOf(unit), runs)
    }
    return out
  }

  /** An escape that was never finished. */
  end(runs: Run[]): string {
    const rest = this.#escape
    this.#escape = ''
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

  #partOf(unit: string): Part {
    if (this.#depth === 0) {
      if ((unit !== '{' && unit !== '[') || !this.#fresh) return this.#prose(unit)
      this.#depth = 1
      this.#fresh = false
      return Part.Structure
    }
    if (unit === '"') {
      this.#inString = !this.#inString
      return Part.Structure
    }
    if (this.#inString) return Part.String
    if (unit === '{' || unit === '[') this.#depth++
    if (unit === '}' || unit === ']') this.#depth--
    return Part.Structure
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
    const last = runs.at(-1)
    if (last !== undefined && raw === undefined && last.raw === undefined && last.part === part) {
      last.end = this.#offset
      last.rawEnd = this.#rawOffset
    } else runs.push({ part, start, end: this.#offset, rawEnd: this.#rawOffset, raw })
    return read
  }
}
