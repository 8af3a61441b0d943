/**
 * Messages as callers write them → the values that a template sees.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { Text } from './marked-text.ts'
import { Dict, type Value } from './values.ts'

export type Role = 'system' | 'developer' | 'user' | 'assistant' | 'tool'

/** A part of a message; images come with models that see. */
export interface TextPart {
  type: 'text'
  text: string
}

export interface ToolCall {
  id?: string
  type?: 'function'
  /** `arguments` is an object, or the JSON text of one. */
  function: { name: string; arguments: string | Record<string, unknown> }
}

/** One turn. Other keys are handed to the template as they are. */
export interface ChatMessage {
  role: Role
  /** May be null or left out only beside `tool_calls`. Text parts are joined. */
  content?: string | TextPart[] | null
  name?: string
  /** What the model thought, for templates that show it. */
  reasoning_content?: string | null
  tool_calls?: ToolCall[]
  tool_call_id?: string
  [key: string]: unknown
}

/** A function that the model may call, with a JSON schema of its parameters. */
export interface ToolDefinition {
  type: 'function'
  function: { name: string; description?: string; parameters?: Record<string, unknown> }
  [key: string]: unknown
}

const roles = new Set<unknown>(['system', 'developer', 'user', 'assistant', 'tool'])
const maxMessages = 10_000
/** As many as the APIs of others take, and some more. */
const maxTools = 1024
const maxDepth = 64
/** The context of any model is shorter; a template goes through its text many times. */
const maxChars = 6 * 2 ** 20
/** Templates take some hundred steps for each message. */
const stepsPerMessage = 256

/** The values, and how much they hold in characters: a template may spend in proportion. */
export class CallerValues {
  chars = 0

  messages(messages: unknown): Value[] {
    if (!Array.isArray(messages) || messages.length === 0 || messages.length > maxMessages) {
      const got = Array.isArray(messages) ? `${messages.length} messages` : typeof messages
      throw invalid(`Expected a list of 1 to ${maxMessages} messages, but got ${got}.`)
    }
    return messages.map((message: unknown, i) => this.#message(message, i))
  }

  /** Tools of different names, or null where there are none. */
  tools(tools: unknown): Value {
    if (tools === undefined || tools === null) return null
    if (!Array.isArray(tools) || tools.length > maxTools) {
      const got = Array.isArray(tools) ? `${tools.length} tools` : typeof tools
      throw invalid(`Expected tools to be a list of at most ${maxTools}, but got ${got}.`)
    }
    const names = new Set<unknown>()
    for (const [i, tool] of tools.entries()) {
      const described = (tool as Partial<ToolDefinition> | null)?.function
      const { name, parameters } = (described ?? {}) as Partial<ToolDefinition['function']>
      if (typeof name !== 'string' || name === '') {
        throw invalid(`Expected tools[${i}] to have function.name, a text.`)
      }
      if (names.has(name))
        throw invalid(`Expected tools of different names, but tools[${i}] repeats.`)
      if ((parameters ?? null) !== null && typeof parameters !== 'object') {
        throw invalid(`Expected tools[${i}].function.parameters to be a JSON schema.`)
      }
      names.add(name)
    }
    return this.value(tools, 'tools')
  }

  /** Any JSON data; every text in it is the caller's. */
  value(input: unknown, where: string, depth = 0): Value {
    if (depth > maxDepth) throw invalid(`Expected ${where} nested at most ${maxDepth} deep.`)
    this.chars += 8
    if (typeof input === 'string') return this.#text(input)
    if (input === null || input === undefined) return null
    if (typeof input === 'number' || typeof input === 'boolean') return input
    if (Array.isArray(input)) return input.map(item => this.value(item, where, depth + 1))
    if (typeof input !== 'object') {
      throw invalid(`Expected plain data in ${where}, but got a ${typeof input}.`)
    }
    const dict = new Dict()
    for (const [key, item] of Object.entries(input)) {
      if (item !== undefined) dict.set(this.#text(key), this.value(item, where, depth + 1))
    }
    return dict
  }

  #message(message: unknown, i: number): Value {
    const where = `messages[${i}]`
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw invalid(`Expected ${where} to be an object with role and content.`)
    }
    const { role, content, ...rest } = message as Record<string, unknown>
    if (!roles.has(role)) {
      const got = typeof role === 'string' ? JSON.stringify(role.slice(0, 40)) : typeof role
      throw invalid(`Expected ${where}.role to be one of ${[...roles].join(', ')}, but got ${got}.`)
    }
    this.chars += stepsPerMessage
    this.#checkToolCalls(rest.tool_calls, role, where)
    const dict = new Dict()
    // One of five words: the template may build a control token from it.
    dict.set(Text.of('role'), Text.of(role as string))
    dict.set(Text.of('content'), this.#content(content, Boolean(rest.tool_calls), where))
    for (const [key, item] of Object.entries(rest)) {
      if (item !== undefined) dict.set(this.#text(key), this.value(item, `${where}.${key}`))
    }
    return dict
  }

  #content(content: unknown, hasToolCalls: boolean, where: string): Value {
    if (typeof content === 'string') return this.#text(content)
    if (Array.isArray(content) && content.length > 0) {
      const parts = content.map((part: unknown, i) => {
        const { type, text } = (part ?? {}) as Partial<TextPart>
        if (type === 'text' && typeof text === 'string') return text
        throw invalid(`Expected ${where}.content[${i}] to be { type: 'text', text }.`)
      })
      return this.#text(parts.join(''))
    }
    if ((content === null || content === undefined) && hasToolCalls) return Text.empty
    const got = content === null ? 'null' : Array.isArray(content) ? '[]' : typeof content
    throw invalid(`Expected ${where}.content to be a text or a list of text parts, but got ${got}.`)
  }

  #checkToolCalls(calls: unknown, role: unknown, where: string): void {
    if (calls === undefined || calls === null) return
    if (role !== 'assistant' || !Array.isArray(calls)) {
      throw invalid(`Expected ${where}.tool_calls to be a list, in a message of the assistant.`)
    }
    calls.forEach((call: unknown, i) => {
      const { function: called } = (call ?? {}) as Partial<ToolCall>
      if (typeof called?.name === 'string') return
      throw invalid(`Expected ${where}.tool_calls[${i}] to have function.name and arguments.`)
    })
  }

  #text(value: string): Text {
    this.chars += value.length
    if (this.chars > maxChars) {
      throw invalid(`Expected a conversation of at most ${maxChars} characters. Shorten it.`)
    }
    const wellFormed = value.toWellFormed()
    return Text.fromCaller(wellFormed)
  }
}

export function invalid(sentence: string): ConclaveError {
  return new ConclaveError('invalid_request', sentence)
}
