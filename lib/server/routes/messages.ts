/**
 * POST /v1/messages and /v1/messages/count_tokens, as Anthropic's clients know them
 * @module
 */
import { type Call, endpoint } from '../endpoint.ts'
import { anthropicConversation } from '../generate/anthropic-prompt.ts'
import {
  type BlockEvent,
  type BlockEvents,
  blockEvents,
  type ReplyBlock,
} from '../generate/blocks.ts'
import { prepareChat, renderChat } from '../generate/conversation.ts'
import type { ReplyFinish, ReplyUsage } from '../generate/reply.ts'
import { startReplies } from '../generate/run.ts'
import { engineOptions } from '../generate/sampling.ts'
import { checkModel } from '../model-name.ts'
import { jsonResponse } from '../response.ts'
import { tokenizerOf } from '../served-model.ts'
import { type SseEvent, type SseEvents, sseResponse } from '../sse.ts'
import {
  countAnswer,
  countBody,
  type MessagesBody,
  messageAnswer,
  messagesBody,
} from '../wire/anthropic.ts'
import { beyond, refusesConversation } from '../wire/beyond-schema.ts'

export const countTokensRoute = endpoint({
  method: 'POST',
  path: '/v1/messages/count_tokens',
  summary: 'Tokens of a conversation, as Anthropic counts',
  dialect: 'anthropic',
  finds: ['model'],
  body: countBody,
  refuses: [beyond.callId, beyond.toolNames, beyond.toolChoice, beyond.template],
  answer: countAnswer,
  async handle(call) {
    checkModel(call, call.body.model)
    const { ids } = await renderChat(call, anthropicConversation(call.body))
    return jsonResponse(call, { input_tokens: ids.length })
  },
})

export const messagesRoute = endpoint({
  method: 'POST',
  path: '/v1/messages',
  summary: 'Answers a conversation, as Anthropic does',
  dialect: 'anthropic',
  finds: ['model'],
  works: true,
  body: messagesBody,
  prompt: 'messages',
  refuses: refusesConversation,
  answer: messageAnswer,
  produces: ['text/event-stream'],
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    const chat = await prepareChat(call, anthropicConversation(body))
    const generation = serving.model.engine.generate(chat.ids, {
      ...engineOptions(call, { ...body, stop: body.stop_sequences }),
      ...(chat.form ? { structured: chat.form.structured } : {}),
    })
    const events = await startReplies(call, generation, [chat.reader()], chat.form)
    const blocks = blockEvents(events)
    const head = {
      id: `msg_${call.id}`,
      type: 'message',
      role: 'assistant',
      model: serving.options.modelName,
    }
    const numPromptTokens = chat.ids.length
    if (body.stream)
      return sseResponse(call, streamed(call, head, numPromptTokens, blocks), 'anthropic')
    return jsonResponse(call, await whole(call, head, blocks))
  },
})

async function whole(call: Call<MessagesBody>, head: object, events: BlockEvents) {
  const content: object[] = []
  let end = {}
  for await (const together of events)
    for (const event of together) {
      if (event.kind === 'close') content.push(blockObject(event.block, true))
      if (event.kind === 'over')
        end = { ...stopOf(call, event.reason, event.tokenIds), usage: usageOf(event.usage) }
    }
  return { ...head, content, ...end }
}

async function* streamed(
  call: Call<MessagesBody>,
  head: object,
  numPromptTokens: number,
  events: BlockEvents,
): SseEvents {
  const send = (type: string, rest: object): SseEvent => ({
    event: type,
    data: { type, ...rest },
  })
  const usage = { input_tokens: numPromptTokens, output_tokens: 0 }
  const stop = { stop_reason: null, stop_sequence: null }
  const message = { ...head, content: [], ...stop, usage }
  yield [send('message_start', { message }), send('ping', {})]
  const read = (event: BlockEvent): SseEvent => {
    if (event.kind === 'over') {
      const delta = stopOf(call, event.reason, event.tokenIds)
      return send('message_delta', { delta, usage: usageOf(event.usage) })
    }
    const { block } = event
    const { index } = block
    if (event.kind === 'open')
      return send('content_block_start', { index, content_block: blockObject(block, false) })
    if (event.kind === 'piece')
      return send('content_block_delta', { index, delta: pieceObject(block, event.text) })
    return send('content_block_stop', { index })
  }
  for await (const together of events) yield together.map(read)
  return [send('message_stop', {})]
}

function blockObject({ kind, id, name, text }: ReplyBlock, full: boolean): object {
  if (kind === 'content') return { type: 'text', text: full ? text : '' }
  if (kind === 'reasoning') return { type: 'thinking', thinking: full ? text : '', signature: '' }
  return { type: 'tool_use', id, name, input: full ? parsed(text) : {} }
}

function pieceObject({ kind }: ReplyBlock, text: string): object {
  if (kind === 'content') return { type: 'text_delta', text }
  if (kind === 'reasoning') return { type: 'thinking_delta', thinking: text }
  return { type: 'input_json_delta', partial_json: text }
}

/** Arguments are an object's JSON text; what a guard has masked may not be one any more. */
function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return {}
  }
}

const reasons = new Map<ReplyFinish, string>([
  ['stop', 'end_turn'],
  ['length', 'max_tokens'],
  ['tool_calls', 'tool_use'],
  ['content_filter', 'refusal'],
])

/** Which text ended it: the one that the tokens hold beyond what was said. */
function stopOf(call: Call<MessagesBody>, reason: ReplyFinish, tokenIds: readonly number[]) {
  const stops = call.body.stop_sequences ?? []
  const tail = stops.length > 0 && reason === 'stop' ? lastText(call, tokenIds) : ''
  const found = stops.find(stop => tail.includes(stop)) ?? null
  return {
    stop_reason: found === null ? reasons.get(reason) : 'stop_sequence',
    stop_sequence: found,
  }
}

function lastText({ serving }: Call, tokenIds: readonly number[]): string {
  return tokenizerOf(serving.model).decode(tokenIds.slice(-1100))
}

function usageOf({ promptTokens, completionTokens, cachedTokens }: ReplyUsage) {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: 0,
    output_tokens: completionTokens,
  }
}
