/**
 * POST /v1/chat/completions
 * @module
 */
import type { ModelTokenizer } from '../../chat/model-tokenizer.ts'
import { type Call, endpoint } from '../endpoint.ts'
import { prepareChat } from '../generate/conversation.ts'
import { chatLogprobs } from '../generate/logprobs.ts'
import { moderationObject, moderationOptions } from '../generate/moderation.ts'
import {
  collect,
  type ReplyDelta,
  type ReplyEvent,
  type ReplyEvents,
  type WholeReply,
} from '../generate/reply.ts'
import type { ReplyReader } from '../generate/reply-reader.ts'
import { startReplies } from '../generate/run.ts'
import { engineOptions } from '../generate/sampling.ts'
import { usageObject } from '../generate/usage.ts'
import { checkModel } from '../model-name.ts'
import { badField } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { tokenizerOf } from '../served-model.ts'
import { type SseEvent, type SseEvents, sseResponse } from '../sse.ts'
import { chatCompletion } from '../wire/answers.ts'
import { beyond, refusesConversation } from '../wire/beyond-schema.ts'
import { type ChatBody, chatBody } from '../wire/chat.ts'

export const chatRoute = endpoint({
  method: 'POST',
  path: '/v1/chat/completions',
  summary: 'Answers a conversation, as OpenAI does',
  dialect: 'openai',
  finds: ['model'],
  works: true,
  body: chatBody,
  prompt: 'messages',
  refuses: [...refusesConversation, beyond.minTokens, beyond.tokenIds, beyond.guard],
  answer: chatCompletion,
  produces: ['text/event-stream'],
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    if (typeof body.top_logprobs === 'number' && body.logprobs !== true)
      throw badField('top_logprobs', 'Expected logprobs: true beside top_logprobs.')
    const chat = await prepareChat(call, {
      messages: body.messages,
      tools: body.tools,
      toolChoice: body.tool_choice,
      oneCall: body.parallel_tool_calls === false,
      reasoningEffort: body.reasoning_effort,
      templateOptions: body.chat_template_kwargs,
      structured: body,
    })
    const n = body.n ?? 1
    const options = engineOptions(call, body)
    if (chat.form) options.structured = chat.form.structured
    if (body.logprobs) options.logprobs = body.top_logprobs ?? 0
    if (body.moderation) Object.assign(options, moderationOptions(serving.guard, body))
    const generation = serving.model.engine.generate(chat.ids, options)
    const readers: ReplyReader[] = []
    while (readers.length < n) readers.push(chat.reader())
    const events = await startReplies(call, generation, readers, chat.form)
    const head = {
      id: `chatcmpl-${call.id}`,
      created: Math.floor(Date.now() / 1000),
      model: serving.options.modelName,
    }
    if (body.stream) return sseResponse(call, chunks(call, head, n, events), 'openai')
    const { replies, usage, result } = await collect(events, n)
    const choices = replies.map((reply, index) => choiceOf(call, reply, index))
    return jsonResponse(call, {
      ...head,
      object: 'chat.completion',
      choices,
      usage: usageObject(usage),
      ...(body.moderation ? { moderation: moderationObject([result]) } : {}),
      service_tier: null,
      system_fingerprint: null,
    })
  },
})

interface Head {
  id: string
  created: number
  model: string
}

function choiceOf(call: Call<ChatBody>, reply: WholeReply, index: number) {
  const { content, reasoning, toolCalls, logprobs, finish } = reply
  const calls = toolCalls.map(({ id, name, arguments: text }) => ({
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
  const tokenizer = tokenizerOf(call.serving.model)
  return {
    index,
    message: {
      role: 'assistant',
      content: content === '' && calls.length > 0 ? null : content,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
    logprobs: call.body.logprobs ? chatLogprobs(tokenizer, logprobs) : null,
    finish_reason: finish,
  }
}

async function* chunks(
  call: Call<ChatBody>,
  head: Head,
  n: number,
  events: ReplyEvents,
): SseEvents {
  const writer = new ChunkWriter(call, head, n)
  // Every write wakes both ends: the roles leave with the first tokens, the last frames together.
  let frames = writer.begin()
  for await (const together of events) {
    for (const event of together) frames.push(...writer.read(event))
    if (together.at(-1)?.kind === 'end') break
    yield frames
    frames = []
  }
  return [...frames, { data: '[DONE]' }]
}

class ChunkWriter {
  readonly #body: ChatBody
  readonly #tokenizer: ModelTokenizer
  readonly #about: object
  /** A chunk says that its usage comes later, where it does. */
  readonly #usage: object
  /** Log-probabilities wait for the text that they belong to. */
  readonly #logprobs: (object | null)[]

  constructor({ body, serving }: Call<ChatBody>, head: Head, n: number) {
    this.#body = body
    this.#tokenizer = tokenizerOf(serving.model)
    this.#about = { ...head, object: 'chat.completion.chunk' }
    this.#usage = body.stream_options?.include_usage ? { usage: null } : {}
    this.#logprobs = Array(n).fill(null)
  }

  begin(): SseEvent[] {
    const delta = { role: 'assistant', content: '' }
    return this.#logprobs.map((_, index) => this.#choice(index, delta, null, null))
  }

  read(event: ReplyEvent): SseEvent[] {
    if (event.kind === 'end') return this.#end(event)
    const { index } = event
    const held = this.#logprobs[index]!
    if (event.kind === 'logprobs') {
      this.#logprobs[index] = chatLogprobs(this.#tokenizer, event.logprobs)
      return held === null ? [] : [this.#choice(index, {}, null, held)]
    }
    this.#logprobs[index] = null
    return event.kind === 'finish'
      ? [this.#choice(index, {}, event.reason, held)]
      : [this.#choice(index, deltaOf(event.delta), null, held)]
  }

  #end({ result, usage }: ReplyEvent & { kind: 'end' }): SseEvent[] {
    const about = { ...this.#about, choices: [] }
    const events: SseEvent[] = []
    if (this.#body.moderation)
      events.push({ data: { ...about, ...this.#usage, moderation: moderationObject([result]) } })
    if (this.#body.stream_options?.include_usage)
      events.push({ data: { ...about, usage: usageObject(usage) } })
    return events
  }

  #choice(index: number, delta: object, finish: string | null, logprobs: object | null): SseEvent {
    const choices = [{ index, delta, logprobs, finish_reason: finish }]
    return { data: { ...this.#about, choices, ...this.#usage } }
  }
}

function deltaOf(delta: ReplyDelta): object {
  if (delta.kind === 'tool_call') {
    const { call: index, id, name } = delta
    return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }
  }
  if (delta.kind === 'tool_arguments')
    return { tool_calls: [{ index: delta.call, function: { arguments: delta.text } }] }
  return delta.kind === 'content' ? { content: delta.text } : { reasoning_content: delta.text }
}
