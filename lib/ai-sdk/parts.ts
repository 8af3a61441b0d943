/**
 * Pieces of an answer → the AI SDK's stream parts.
 * @module
 */
import type {
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider'
import type { ChatDelta, ChatUsage } from '../client/chat-types.ts'

type Unified = LanguageModelV3FinishReason['unified']

const reasons = new Map<string, Unified>([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool-calls'],
  ['content_filter', 'content-filter'],
])

export function finishOf(raw: string): LanguageModelV3FinishReason {
  return { unified: reasons.get(raw) ?? 'other', raw }
}

export function usageOf(usage: ChatUsage): LanguageModelV3Usage {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: completionTokens,
      text: completionTokens - reasoningTokens,
      reasoning: reasoningTokens,
    },
  }
}

interface OpenCall {
  id: string
  name: string
  input: string
}

/** Opens and closes blocks as text, thoughts and calls take turns. */
export class PartWriter {
  #block: { type: 'text' | 'reasoning'; id: string } | undefined
  #numBlocks = 0
  #call: { index: number; call: OpenCall } | undefined
  #finish = finishOf('other')
  #usage: ChatUsage

  constructor() {
    this.#usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
  }

  *write(delta: ChatDelta): Generator<LanguageModelV3StreamPart> {
    if (delta.reasoning !== undefined) yield* this.#text('reasoning', delta.reasoning)
    if (delta.text !== undefined) yield* this.#text('text', delta.text)
    if (delta.toolCall !== undefined) yield* this.#tool(delta.toolCall)
    if (delta.finishReason !== undefined) this.#finish = finishOf(delta.finishReason)
    if (delta.usage !== undefined) this.#usage = delta.usage
  }

  *end(): Generator<LanguageModelV3StreamPart> {
    yield* this.#close()
    yield { type: 'finish', finishReason: this.#finish, usage: usageOf(this.#usage) }
  }

  *#text(type: 'text' | 'reasoning', delta: string): Generator<LanguageModelV3StreamPart> {
    if (this.#block?.type !== type) {
      yield* this.#close()
      this.#block = { type, id: String(this.#numBlocks++) }
      yield { type: `${type}-start`, id: this.#block.id }
    }
    yield { type: `${type}-delta`, id: this.#block.id, delta }
  }

  *#tool(piece: NonNullable<ChatDelta['toolCall']>): Generator<LanguageModelV3StreamPart> {
    const { index, id = `call-${index}`, name = '', arguments: text } = piece
    if (this.#call?.index !== index) {
      yield* this.#close()
      this.#call = { index, call: { id, name, input: '' } }
      yield { type: 'tool-input-start', id, toolName: name }
    }
    const { call } = this.#call
    call.input += text
    if (text !== '') yield { type: 'tool-input-delta', id: call.id, delta: text }
  }

  *#close(): Generator<LanguageModelV3StreamPart> {
    if (this.#block !== undefined) yield { type: `${this.#block.type}-end`, id: this.#block.id }
    this.#block = undefined
    if (this.#call === undefined) return
    const { id, name, input } = this.#call.call
    this.#call = undefined
    yield { type: 'tool-input-end', id }
    yield { type: 'tool-call', toolCallId: id, toolName: name, input }
  }
}
