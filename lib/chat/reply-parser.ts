/**
 * Text of an answer, in pieces of any size → reasoning, content and tool calls, as deltas.
 * @module
 */
import type { ToolDefinition } from './messages.ts'
import type { ReplyFormat, ThinkingStart } from './reply-format.ts'
import { HermesCall } from './reply-hermes.ts'
import { holdFrom } from './reply-markers.ts'
import { XmlCall } from './reply-xml.ts'

/** Joined in order, deltas are the whole; those of a call share its `index`. */
export type ReplyDelta =
  | { type: 'reasoning'; text: string }
  | { type: 'content'; text: string }
  | {
      type: 'tool_call'
      /** Which call of the answer, from 0. */
      index: number
      /** In the call's first delta alone. */
      name?: string
      /** The next part of the arguments; joined they are JSON of an object. */
      arguments: string
      /** The model broke the call off; what was missing to valid JSON was added. */
      incomplete?: true
    }

export interface ReplyParserOptions {
  /** How the model writes calls, as {@link replyFormat} reads it from the template. */
  format: ReplyFormat
  /** Where the answer begins, as {@link thinkingStart} reads it from the prompt. */
  thinking: ThinkingStart
  /** Without tools, text that looks like a call stays content. */
  tools?: readonly ToolDefinition[] | undefined
}

/** What one call of {@link CallParser.read} came to. */
export interface CallStep {
  /** Arguments that are out now. */
  arguments: string
  state: 'more' | 'done' | 'malformed'
  incomplete: boolean
  /** Text after the call, or all of it that is no part of what was given out. */
  rest: string
}

/** Reads one call; the text before it is gone. */
export interface CallParser {
  /** Known once the call is certain to be one. */
  readonly name: string | undefined
  /** `last`: nothing more follows. */
  read(text: string, last: boolean): CallStep
}

const callOpen = '<tool_call>'
const functionOpen = '<function='
const thinkOpen = '<think>'
const thinkClose = '</think>'

/**
 * A parser for one answer.
 * @example
 * const parser = createReplyParser({ format: 'hermes', thinking: 'auto', tools })
 * for await (const { text } of model.chat(messages, { tools })) show(parser.push(text))
 * show(parser.end())
 */
export function createReplyParser(options: ReplyParserOptions): ReplyParser {
  return new ReplyParser(options)
}

/** Never shows half a marker, and loses no text: what is no call after all comes as content. */
export class ReplyParser {
  readonly #tools: readonly ToolDefinition[]
  readonly #markers: readonly string[]
  readonly #format: ReplyFormat
  #mode: 'start' | 'reasoning' | 'content' | 'call' = 'start'
  readonly #thinking: ThinkingStart
  #text = ''
  /** Blanks that go once something follows: the first newlines of a part. */
  #trim: RegExp | undefined
  /** What a malformed call gives back: blanks before the marker, and the marker. */
  #opening = ''
  #call: CallParser | undefined
  #named = false
  #numCalls = 0
  #deltas: ReplyDelta[] = []

  constructor({ format, thinking, tools = [] }: ReplyParserOptions) {
    this.#format = format
    this.#thinking = thinking
    this.#tools = tools
    const xml = format === 'qwen3_coder'
    const calls = format !== 'plain' && tools.length > 0
    this.#markers = calls ? (xml ? [callOpen, functionOpen] : [callOpen]) : []
  }

  /** Calls that were certain so far. */
  get numCalls(): number {
    return this.#numCalls
  }

  push(text: string): ReplyDelta[] {
    return this.#run(text, false)
  }

  /** What was held back, once the answer is over; call it once. */
  end(): ReplyDelta[] {
    return this.#run('', true)
  }

  #run(text: string, last: boolean): ReplyDelta[] {
    this.#text += text
    while (this.#step(last)) {}
    const deltas = this.#deltas
    this.#deltas = []
    return deltas
  }

  /** True while the next step may do more. */
  #step(last: boolean): boolean {
    if (this.#mode === 'start') return this.#start(last)
    if (this.#mode === 'reasoning') return this.#reason(last)
    return this.#mode === 'content' ? this.#content(last) : this.#readCall(last)
  }

  #start(last: boolean): boolean {
    const begin = this.#text.trimStart()
    const undecided = !last && thinkOpen.startsWith(begin)
    if (this.#thinking !== 'off' && undecided && begin !== thinkOpen) return false
    const opened = this.#thinking !== 'off' && begin.startsWith(thinkOpen)
    if (opened) this.#text = begin.slice(thinkOpen.length)
    this.#mode = opened || this.#thinking === 'open' ? 'reasoning' : 'content'
    if (this.#mode === 'reasoning') this.#trim = /^\s+/
    return true
  }

  #reason(last: boolean): boolean {
    const at = this.#text.indexOf(thinkClose)
    if (at >= 0) {
      this.#show('reasoning', this.#text.slice(0, at).trimEnd())
      this.#text = this.#text.slice(at + thinkClose.length)
      this.#mode = 'content'
      this.#trim = /^[\r\n]+/
      return true
    }
    const end = last ? this.#text.length : holdFrom(this.#text, [thinkClose])
    const shown = this.#text.slice(0, end).trimEnd()
    this.#text = last ? '' : this.#text.slice(shown.length)
    this.#show('reasoning', shown)
    return false
  }

  #content(last: boolean): boolean {
    if (this.#trim !== undefined) {
      this.#text = this.#text.replace(this.#trim, '')
      if (this.#text === '') return false
      this.#trim = undefined
    }
    const found = this.#markers
      .map(marker => ({ marker, at: this.#text.indexOf(marker) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at)[0]
    if (found !== undefined) {
      this.#openCall(found)
      return true
    }
    const end = last ? this.#text.length : holdFrom(this.#text, this.#markers)
    // Blanks before a call are its own.
    const shown = this.#text.slice(0, end)
    const kept = last || this.#markers.length === 0 ? shown : shown.trimEnd()
    this.#text = this.#text.slice(kept.length)
    this.#show('content', kept)
    return false
  }

  #openCall({ marker, at }: { marker: string; at: number }): void {
    const shown = this.#text.slice(0, at).trimEnd()
    this.#show('content', shown)
    this.#opening = this.#text.slice(shown.length, at + marker.length)
    this.#text = this.#text.slice(at + marker.length)
    this.#call =
      this.#format === 'hermes' ? new HermesCall() : new XmlCall(this.#tools, marker === callOpen)
    this.#named = false
    this.#mode = 'call'
  }

  #readCall(last: boolean): boolean {
    const call = this.#call!
    const step = call.read(this.#text, last)
    this.#text = step.rest
    if (call.name !== undefined && !this.#named) {
      this.#named = true
      this.#numCalls++
      const index = this.#numCalls - 1
      this.#deltas.push({ type: 'tool_call', index, name: call.name, arguments: '' })
    }
    if (this.#named) this.#showArguments(step)
    if (step.state === 'more') return false
    if (step.state === 'malformed') {
      // The marker itself is never looked at again, so this ends.
      this.#show('content', this.#opening)
      this.#trim = undefined
    } else this.#trim = /^\s+/
    this.#mode = 'content'
    return true
  }

  #showArguments({ arguments: text, incomplete }: CallStep): void {
    const last = this.#deltas.at(-1)
    const index = this.#numCalls - 1
    if (last?.type === 'tool_call' && last.index === index) {
      last.arguments += text
      if (incomplete) last.incomplete = true
    } else if (text !== '' || incomplete) {
      const delta: ReplyDelta = { type: 'tool_call', index, arguments: text }
      this.#deltas.push(incomplete ? { ...delta, incomplete } : delta)
    }
  }

  #show(type: 'reasoning' | 'content', text: string): void {
    const shown = type === 'reasoning' && this.#trim ? text.replace(this.#trim, '') : text
    if (shown === '') return
    if (type === 'reasoning') this.#trim = undefined
    const last = this.#deltas.at(-1)
    if (last?.type === type) last.text += shown
    else this.#deltas.push({ type, text: shown })
  }
}
