/**
 * Blocks of a reply → the items of a response, and the events that tell of them.
 * @module
 */
import type { Call } from '../endpoint.ts'
import type { WireMessage } from '../wire/messages.ts'
import type { ResponsesBody } from '../wire/responses.ts'
import type { BlockEvent, ReplyBlock } from './blocks.ts'
import { moderationObject } from './moderation.ts'
import type { ReplyUsage } from './reply.ts'

type NamedEvent = readonly [type: string, rest: object]

export class ResponseWriter {
  readonly id: string
  readonly #call: Call<ResponsesBody>
  readonly #created = Math.floor(Date.now() / 1000)
  readonly #blocks: ReplyBlock[] = []
  readonly #output: object[] = []
  #status = 'in_progress'
  #incomplete: string | null = null
  #usage: ReplyUsage | undefined
  #moderation: object | undefined

  constructor(call: Call<ResponsesBody>) {
    this.#call = call
    this.id = `resp_${call.id}`
  }

  read(event: BlockEvent): NamedEvent[] {
    if (event.kind === 'open') return this.#opened(event.block)
    if (event.kind === 'piece') return [this.#piece(event.block, event.text)]
    if (event.kind === 'close') return this.#closed(event.block)
    const { reason, usage, result } = event
    this.#usage = usage
    if (this.#call.body.moderation) this.#moderation = moderationObject([result])
    this.#status = reason === 'length' || reason === 'content_filter' ? 'incomplete' : 'completed'
    if (reason === 'length') this.#incomplete = 'max_output_tokens'
    if (reason === 'content_filter') this.#incomplete = 'content_filter'
    return [[`response.${this.#status}`, { response: this.response() }]]
  }

  /** The reply as a message of the next conversation. */
  message(): WireMessage {
    const text = (kind: ReplyBlock['kind']) =>
      this.#blocks.filter(block => block.kind === kind).map(block => block.text)
    const calls = this.#blocks.filter(block => block.kind === 'tool')
    return {
      role: 'assistant',
      content: text('content').join(''),
      ...(calls.length > 0 ? { tool_calls: calls.map(toolCall) } : {}),
    }
  }

  response(): object {
    const { body, serving } = this.#call
    return {
      id: this.id,
      object: 'response',
      created_at: this.#created,
      status: this.#status,
      error: null,
      incomplete_details: this.#incomplete === null ? null : { reason: this.#incomplete },
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      model: serving.options.modelName,
      output: this.#output,
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      previous_response_id: body.previous_response_id ?? null,
      reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
      store: body.store ?? true,
      temperature: body.temperature ?? null,
      text: body.text ?? { format: { type: 'text' } },
      tool_choice: body.tool_choice ?? 'auto',
      tools: body.tools ?? [],
      top_p: body.top_p ?? null,
      truncation: 'disabled',
      usage: this.#usage === undefined ? null : usageObject(this.#usage),
      metadata: body.metadata ?? {},
      ...(this.#moderation && { moderation: this.#moderation }),
    }
  }

  #opened(block: ReplyBlock): NamedEvent[] {
    const item = this.#item(block, 'in_progress')
    const events: NamedEvent[] = [
      ['response.output_item.added', { output_index: block.index, item }],
    ]
    if (block.kind === 'content')
      events.push(['response.content_part.added', { ...this.#at(block), part: textPart('') }])
    return events
  }

  #piece(block: ReplyBlock, delta: string): NamedEvent {
    if (block.kind === 'content')
      return ['response.output_text.delta', { ...this.#at(block), delta, logprobs: [] }]
    if (block.kind === 'reasoning')
      return ['response.reasoning_text.delta', { ...this.#at(block), delta }]
    const item_id = this.#itemId(block)
    return ['response.function_call_arguments.delta', { item_id, output_index: block.index, delta }]
  }

  #closed(block: ReplyBlock): NamedEvent[] {
    const item = this.#item(block, 'completed')
    this.#blocks.push(block)
    this.#output.push(item)
    const { text, index: output_index } = block
    const done: NamedEvent = ['response.output_item.done', { output_index, item }]
    const at = this.#at(block)
    if (block.kind === 'content')
      return [
        ['response.output_text.done', { ...at, text, logprobs: [] }],
        ['response.content_part.done', { ...at, part: textPart(text) }],
        done,
      ]
    if (block.kind === 'reasoning') return [['response.reasoning_text.done', { ...at, text }], done]
    const item_id = this.#itemId(block)
    const call = { item_id, output_index, name: block.name, arguments: text }
    return [['response.function_call_arguments.done', call], done]
  }

  #at(block: ReplyBlock) {
    return { item_id: this.#itemId(block), output_index: block.index, content_index: 0 }
  }

  #itemId({ kind, index }: ReplyBlock): string {
    const prefix = { content: 'msg', reasoning: 'rs', tool: 'fc' }[kind]
    return `${prefix}_${this.#call.id}_${index}`
  }

  #item(block: ReplyBlock, status: 'in_progress' | 'completed'): object {
    const { kind, text } = block
    const id = this.#itemId(block)
    const isOver = status === 'completed'
    if (kind === 'content')
      return {
        type: 'message',
        id,
        status,
        role: 'assistant',
        content: isOver ? [textPart(text)] : [],
      }
    if (kind === 'reasoning') {
      const content = isOver ? [{ type: 'reasoning_text', text }] : []
      return { type: 'reasoning', id, summary: [], content }
    }
    const { id: call_id, name } = block
    return { type: 'function_call', id, call_id, name, arguments: text, status }
  }
}

function textPart(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function toolCall({ id, name, text }: ReplyBlock) {
  return { id, type: 'function' as const, function: { name, arguments: text } }
}

function usageObject(usage: ReplyUsage): object {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  }
}
