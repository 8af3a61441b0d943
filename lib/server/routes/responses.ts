/**
 * POST /v1/responses; GET and DELETE /v1/responses/:id
 * @module
 */
import { type Call, endpoint } from '../endpoint.ts'
import { type BlockEvents, blockEvents } from '../generate/blocks.ts'
import { prepareChat } from '../generate/conversation.ts'
import { moderationOptions } from '../generate/moderation.ts'
import { inputMessages, responsesConversation } from '../generate/responses-prompt.ts'
import { ResponseWriter } from '../generate/responses-writer.ts'
import { startReplies } from '../generate/run.ts'
import { engineOptions } from '../generate/sampling.ts'
import { checkModel } from '../model-name.ts'
import { Refusal } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { type SseEvent, type SseEvents, sseResponse } from '../sse.ts'
import { beyond, refusesConversation } from '../wire/beyond-schema.ts'
import type { WireMessage } from '../wire/messages.ts'
import {
  deletedAnswer,
  type ResponsesBody,
  responseAnswer,
  responsesBody,
} from '../wire/responses.ts'

export const responsesRoute = endpoint({
  method: 'POST',
  path: '/v1/responses',
  summary: 'Answers input as OpenAI does; text and function calls',
  dialect: 'openai',
  finds: ['model', 'response'],
  works: true,
  body: responsesBody,
  prompt: 'input',
  refuses: [...refusesConversation, beyond.noMessage, beyond.guard],
  answer: responseAnswer,
  produces: ['text/event-stream'],
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    const messages = inputMessages(body, serving.responses, call.tenant.id)
    const chat = await prepareChat(call, responsesConversation(body, messages))
    const generation = serving.model.engine.generate(chat.ids, {
      ...engineOptions(call, { ...body, max_tokens: body.max_output_tokens }),
      ...(chat.form ? { structured: chat.form.structured } : {}),
      ...moderationOptions(serving.guard, body),
    })
    const events = blockEvents(await startReplies(call, generation, [chat.reader()], chat.form))
    const writer = new ResponseWriter(call)
    if (body.stream) return sseResponse(call, streamed(call, messages, writer, events), 'openai')
    for await (const together of events) for (const event of together) writer.read(event)
    keep(call, messages, writer)
    return jsonResponse(call, writer.response())
  },
})

export const storedResponseRoute = endpoint({
  method: 'GET',
  path: '/v1/responses/:id',
  summary: 'A response that is kept in memory',
  dialect: 'openai',
  finds: ['response'],
  answer: responseAnswer,
  handle(call) {
    const found = call.serving.responses.get(call.params.id!, call.tenant.id)
    if (found === undefined) throw unknownResponse()
    return jsonResponse(call, found.response)
  },
})

export const deleteResponseRoute = endpoint({
  method: 'DELETE',
  path: '/v1/responses/:id',
  summary: 'Forgets a response',
  dialect: 'openai',
  finds: ['response'],
  answer: deletedAnswer,
  handle(call) {
    const { id } = call.params
    if (!call.serving.responses.delete(id!, call.tenant.id)) throw unknownResponse()
    return jsonResponse(call, { id, object: 'response', deleted: true })
  },
})

function unknownResponse(): Refusal {
  return new Refusal({ status: 404, code: 'not_found', message: 'There is no such response.' })
}

function keep(
  { serving, body, tenant }: Call<ResponsesBody>,
  messages: readonly WireMessage[],
  writer: ResponseWriter,
): void {
  if (body.store === false) return
  const response = writer.response()
  const stored = { tenant: tenant.id, messages: [...messages, writer.message()], response }
  serving.responses.put(writer.id, stored)
}

async function* streamed(
  call: Call<ResponsesBody>,
  messages: readonly WireMessage[],
  writer: ResponseWriter,
  events: BlockEvents,
): SseEvents {
  let number = 0
  const send = (type: string, rest: object): SseEvent => ({
    event: type,
    data: { type, sequence_number: number++, ...rest },
  })
  const begun = { response: writer.response() }
  yield [send('response.created', begun), send('response.in_progress', begun)]
  for await (const together of events) {
    const named = together.flatMap(event => writer.read(event))
    const frames = named.map(([type, rest]) => send(type, rest))
    if (together.some(event => event.kind === 'over')) {
      // Whoever is told that it is over may go on from it.
      keep(call, messages, writer)
      return frames
    }
    yield frames
  }
  return []
}
