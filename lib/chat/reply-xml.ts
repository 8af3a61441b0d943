/**
 * One call as Qwen3-Coder writes it: `<function=name><parameter=x>\nvalue\n</parameter></function>`.
 * @module
 */
import type { ToolDefinition } from './messages.ts'
import { holdFrom, mayBecome } from './reply-markers.ts'
import type { CallParser, CallStep } from './reply-parser.ts'
import { toJson, typesOf } from './xml-values.ts'

const functionOpen = '<function='
const functionClose = '</function>'
const parameterOpen = '<parameter='
const callClose = '</tool_call>'
/** A value ends at its own marker, or where a line begins with what can only follow it. */
const valueEnd = /\n?<\/parameter>|\n(?=<parameter=|<\/function>|<\/tool_call>)/
const valueEnds = [
  '</parameter>',
  '\n</parameter>',
  `\n${parameterOpen}`,
  `\n${functionClose}`,
  `\n${callClose}`,
]
const nameForm = /^[^<>\r\n]{1,256}$/

/** A marker at the front of a text: its word and what follows, or what is to be done without. */
type Head = { word: string; rest: string } | 'more' | 'none'

export class XmlCall implements CallParser {
  name: string | undefined
  readonly #tools: readonly ToolDefinition[]
  readonly #prefix: string
  #state: 'function' | 'between' | 'value' | 'tail' = 'function'
  #key = ''
  #types = new Set<string>()
  /** The value of a type that is known only when it is whole. */
  #value = ''
  #valueBegun = false
  #quoted = false
  #numParameters = 0
  #out = ''

  /** `wrapped`: `<tool_call>` was there; otherwise `<function=` was. */
  constructor(tools: readonly ToolDefinition[], wrapped: boolean) {
    this.#tools = tools
    this.#prefix = wrapped ? '' : functionOpen
  }

  read(text: string, last: boolean): CallStep {
    this.#out = ''
    let rest = text
    for (;;) {
      const next = this.#next(rest, last)
      if (typeof next === 'string') rest = next
      else return next
    }
  }

  /** The text that is left, or the end of this piece. */
  #next(text: string, last: boolean): string | CallStep {
    if (this.#state === 'function') return this.#function(text, last)
    if (this.#state === 'between') return this.#between(text, last)
    if (this.#state === 'value') return this.#readValue(text, last)
    return this.#tail(text, last)
  }

  #function(text: string, last: boolean): string | CallStep {
    const head = readHead(this.#prefix + text, functionOpen)
    if (head === 'more' && !last) return this.#step('more', text)
    if (typeof head === 'string') return this.#step('malformed', text)
    this.name = head.word
    this.#out += '{'
    this.#state = 'between'
    return head.rest
  }

  #between(text: string, last: boolean): string | CallStep {
    const head = readHead(text, parameterOpen)
    if (typeof head === 'object') return this.#openParameter(head)
    const begin = text.trimStart()
    const ends = [functionClose, callClose]
    const found = ends.find(marker => begin.startsWith(marker))
    if (found === undefined) {
      const mayFollow = head === 'more' || ends.some(marker => mayBecome(begin, marker))
      if (mayFollow && !last) return this.#step('more', text)
      this.#out += '}'
      return { ...this.#step('done', mayFollow ? '' : text), incomplete: true }
    }
    this.#out += '}'
    this.#state = 'tail'
    return found === callClose ? begin : begin.slice(found.length)
  }

  #openParameter({ word, rest }: { word: string; rest: string }): string {
    this.#key = word
    this.#types = typesOf(this.#tools, this.name!, word)
    this.#value = ''
    this.#valueBegun = false
    const comma = this.#numParameters++ > 0 ? ', ' : ''
    this.#out += `${comma}${JSON.stringify(this.#key)}: `
    this.#quoted = this.#types.size === 0 || (this.#types.size === 1 && this.#types.has('string'))
    if (this.#quoted) this.#out += '"'
    this.#state = 'value'
    return rest
  }

  #readValue(text: string, last: boolean): string | CallStep {
    let value = text
    if (!this.#valueBegun) {
      // A value of nothing at all may have one newline for both of its ends.
      const open = value === '' || valueEnds.some(marker => mayBecome(value, marker))
      if (open && !last) return this.#step('more', value)
      if (value.startsWith('\n') && valueEnd.exec(value)?.index !== 0) value = value.slice(1)
      this.#valueBegun = true
    }
    const end = valueEnd.exec(value)
    if (end !== null) {
      this.#take(value.slice(0, end.index))
      this.#endValue()
      this.#state = 'between'
      return value.slice(end.index + end[0].length)
    }
    const held = last ? value.length : holdFrom(value, valueEnds)
    const split = !last && /[\ud800-\udbff]$/.test(value.slice(0, held)) ? held - 1 : held
    this.#take(value.slice(0, split))
    if (!last) return this.#step('more', value.slice(split))
    this.#endValue()
    this.#out += '}'
    return { ...this.#step('done', ''), incomplete: true }
  }

  #take(text: string): void {
    if (this.#quoted) this.#out += JSON.stringify(text).slice(1, -1)
    else this.#value += text
  }

  #endValue(): void {
    this.#out += this.#quoted ? '"' : toJson(this.#value, this.#types)
  }

  #tail(text: string, last: boolean): CallStep {
    const begin = text.trimStart()
    if (begin.startsWith(callClose)) return this.#step('done', begin.slice(callClose.length))
    if (mayBecome(begin, callClose)) return this.#step(last ? 'done' : 'more', last ? '' : text)
    return this.#step('done', text)
  }

  #step(state: CallStep['state'], rest: string): CallStep {
    const text = this.#out
    this.#out = ''
    return { arguments: text, state, incomplete: false, rest }
  }
}

/** `<marker=word>` at the front, blanks before it aside. */
function readHead(text: string, marker: string): Head {
  const begin = text.trimStart()
  if (!begin.startsWith(marker)) return mayBecome(begin, marker) ? 'more' : 'none'
  const end = begin.indexOf('>')
  const word = begin.slice(marker.length, end < 0 ? undefined : end)
  if (end < 0) return word === '' || nameForm.test(word) ? 'more' : 'none'
  const name = word.trim().replace(/^(["'])(.*)\1$/, '$2')
  if (name === '' || !nameForm.test(word)) return 'none'
  return { word: name, rest: begin.slice(end + 1) }
}
