/**
 * One call as JSON: `{"name": …, "arguments": {…}}</tool_call>`.
 * @module
 */
import { JsonWalker } from './json-walker.ts'
import { mayBecome } from './reply-markers.ts'
import type { CallParser, CallStep } from './reply-parser.ts'

const close = '</tool_call>'

/** Members come in any order; arguments wait for the name. */
export class HermesCall implements CallParser {
  name: string | undefined
  readonly #walker = new JsonWalker()
  /** All of the object's text so far. */
  #raw = ''
  #keyStart = 0
  #key = ''
  #valueStart = -1
  /** Arguments as given out or to be; undefined before they begin. */
  #arguments: string | undefined
  /** Length of #arguments that closers would make valid, of which #shown is out. */
  #safe = 0
  #shown = 0
  /** Index in #raw behind the last safe character. */
  #safeAt = 0
  #closers = ''
  #argumentsOver = false
  #over = false
  #candidate: string | undefined

  read(text: string, last: boolean): CallStep {
    let at = 0
    while (at < text.length && !this.#over) {
      const char = text[at]!
      const before = this.#raw.length
      if (!this.#accept(char)) {
        this.#raw = this.#raw.slice(0, before)
        return this.#failed(text.slice(at), last)
      }
      at++
    }
    const rest = text.slice(at)
    if (this.#over) return this.#tail(rest, last)
    if (last) return this.#failed(rest, last)
    return this.#step('more', rest)
  }

  /** False where the text is no call. */
  #accept(char: string): boolean {
    const walker = this.#walker
    const { depth, expectsValue, inString, inKey } = walker
    if (this.#raw.trim() === '' && depth === 0 && !/[\s{]/.test(char)) return false
    if (!walker.accept(char)) return false
    const index = this.#raw.length
    this.#raw += char
    if (depth === 1 && walker.inKey && !inKey) this.#keyStart = index
    if (depth === 1 && inKey && !walker.inString) this.#key = this.#parse(this.#keyStart)
    const begins = depth === 1 && expectsValue && !/\s/.test(char)
    if (begins && !this.#beginValue(index, char)) return false
    if (this.#arguments !== undefined && !this.#argumentsOver) this.#addArgument(char, inString)
    const ended = walker.afterValue && this.#valueStart >= 0 && walker.depth <= 1
    if (ended && !this.#endValue()) return false
    if (walker.afterValue && walker.depth === 0) this.#over = true
    return !this.#over || this.#finish()
  }

  #beginValue(index: number, char: string): boolean {
    this.#valueStart = index
    if (!this.#isArguments) return true
    if (char === '{' && this.#arguments === undefined) this.#arguments = ''
    return '{"n'.includes(char)
  }

  get #isArguments(): boolean {
    return this.#key === 'arguments' || this.#key === 'parameters'
  }

  #addArgument(char: string, inString: boolean): void {
    const raw = inString && char < ' '
    this.#arguments += raw ? JSON.stringify(char).slice(1, -1) : char
    if (!this.#walker.safe) return
    this.#safe = this.#arguments!.length
    this.#safeAt = this.#raw.length
    // The outer object's own brace is not part of the arguments.
    this.#closers = this.#walker.closers().slice(0, -1)
  }

  /** A member of the call is complete; numbers and literals end one character late. */
  #endValue(): boolean {
    const whole = '{["'.includes(this.#raw[this.#valueStart]!)
    const text = this.#raw.slice(this.#valueStart, whole ? undefined : -1)
    const streamed = this.#arguments !== undefined && !this.#argumentsOver
    this.#valueStart = -1
    if (this.#key === 'name') return this.#takeName(text)
    if (!this.#isArguments) return true
    if (streamed) {
      this.#argumentsOver = true
      return true
    }
    return this.#takeArguments(text.trim())
  }

  #takeName(text: string): boolean {
    const name: unknown = text.startsWith('"') ? parseLenient(text) : undefined
    if (typeof name !== 'string' || name === '') return false
    this.#candidate ??= name
    return true
  }

  /** Some models put the arguments into a string, or null where there are none. */
  #takeArguments(text: string): boolean {
    const value: unknown = text.startsWith('"') ? parseLenient(text) : text
    if (typeof value !== 'string') return false
    const inner = value.trim() === 'null' || value.trim() === '' ? '{}' : value.trim()
    const parsed = parseLenient(inner)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return false
    if (this.#arguments !== undefined) return true
    this.#arguments = inner
    this.#safe = inner.length
    this.#closers = ''
    this.#safeAt = this.#raw.length
    this.#argumentsOver = true
    return true
  }

  /** The object is complete. */
  #finish(): boolean {
    if (this.#candidate === undefined) return false
    if (this.#arguments === undefined) {
      this.#arguments = '{}'
      this.#safe = 2
    }
    this.#argumentsOver = true
    return true
  }

  #parse(start: number): string {
    const key = parseLenient(this.#raw.slice(start))
    return typeof key === 'string' ? key : ''
  }

  /** Only blanks and the closing marker belong to the call. */
  #tail(rest: string, last: boolean): CallStep {
    const text = rest.trimStart()
    if (text.startsWith(close)) return this.#step('done', text.slice(close.length))
    if (!last && mayBecome(text, close)) return this.#step('more', rest)
    return this.#step('done', last && mayBecome(text, close) ? '' : rest)
  }

  #failed(rest: string, last: boolean): CallStep {
    const started = this.#candidate !== undefined && this.#arguments !== undefined
    if (!started || this.#safe === 0) {
      const raw = this.#raw
      this.#raw = ''
      return { arguments: '', state: 'malformed', incomplete: false, rest: raw + rest }
    }
    if (this.#argumentsOver) {
      // A brace too few, as models write it.
      this.#over = true
      return this.#tail(rest, last)
    }
    const unread = this.#raw.slice(this.#safeAt) + rest
    const step = this.#step('done', unread)
    return { ...step, arguments: step.arguments + this.#closers, incomplete: true }
  }

  #step(state: CallStep['state'], rest: string): CallStep {
    const ready = this.#candidate !== undefined && this.#arguments !== undefined && this.#safe > 0
    if (!ready) return { arguments: '', state, incomplete: false, rest }
    this.name = this.#candidate
    const text = this.#arguments!.slice(this.#shown, this.#safe)
    this.#shown = this.#safe
    return { arguments: text, state, incomplete: false, rest }
  }
}

/** JSON, or a string with raw control characters; undefined where it is neither. */
function parseLenient(text: string): unknown {
  try {
    if (!text.startsWith('"')) return JSON.parse(text)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
    return JSON.parse(text.replace(/[\u0000-\u001f]/g, c => JSON.stringify(c).slice(1, -1)))
  } catch {
    return undefined
  }
}
