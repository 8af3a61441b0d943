/**
 * The input of /v1/responses → the conversation that templates know.
 * @module
 */
import { Refusal } from '../refusal.ts'
import type { ResponseStore } from '../response-store.ts'
import type { WireMessage } from '../wire/messages.ts'
import type { ResponseItem, ResponsesBody } from '../wire/responses.ts'
import type { StructuredBody } from '../wire/structured.ts'
import type { WireTool, WireToolChoice } from '../wire/tools.ts'
import type { Conversation } from './conversation.ts'

/** Without the instructions, which do not carry over to the next response. */
export function inputMessages(
  body: ResponsesBody,
  store: ResponseStore,
  tenant: string,
): WireMessage[] {
  const { input, previous_response_id: previous } = body
  const own = typeof input === 'string' ? [user(input)] : messagesOf(input)
  if (previous === null || previous === undefined) return own
  const before = store.get(previous, tenant)
  if (before !== undefined) return [...before.messages, ...own]
  throw new Refusal({
    status: 404,
    code: 'not_found',
    message: 'There is no such response: it was not stored, or forgotten for newer ones.',
    param: 'previous_response_id',
  })
}

export function responsesConversation(
  body: ResponsesBody,
  messages: readonly WireMessage[],
): Conversation {
  const { instructions } = body
  const first: WireMessage[] = instructions ? [{ role: 'system', content: instructions }] : []
  return {
    messages: [...first, ...messages],
    tools: body.tools?.map(toolOf),
    toolChoice: choiceOf(body),
    oneCall: body.parallel_tool_calls === false,
    reasoningEffort: body.reasoning?.effort,
    structured: structuredOf(body),
  }
}

const user = (content: string): WireMessage => ({ role: 'user', content })

function joined(content: string | readonly { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(part => part.text).join('')
}

/** Calls belong to the message of the assistant before them. */
function messagesOf(items: readonly ResponseItem[]): WireMessage[] {
  const messages: WireMessage[] = []
  for (const item of items) {
    if (item.type === 'reasoning') continue
    if (item.type === 'function_call') addCall(messages, item)
    else if (item.type === 'function_call_output')
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: joined(item.output) })
    else messages.push({ role: item.role, content: joined(item.content) })
  }
  return messages
}

function addCall(
  messages: WireMessage[],
  { call_id: id, name, arguments: text }: Extract<ResponseItem, { type: 'function_call' }>,
): void {
  const call = { id, type: 'function' as const, function: { name, arguments: text } }
  const last = messages.at(-1)
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', tool_calls: [call] })
  else if (last.tool_calls) last.tool_calls.push(call)
  else last.tool_calls = [call]
}

function toolOf(tool: NonNullable<ResponsesBody['tools']>[number]): WireTool {
  const { name, description, parameters } = tool
  return { type: 'function', function: { name, description, parameters } }
}

function choiceOf({ tool_choice: choice }: ResponsesBody): WireToolChoice | null | undefined {
  if (typeof choice !== 'object' || choice === null) return choice
  if (choice.type === 'function') return named(choice)
  const { mode, tools } = choice
  return { type: 'allowed_tools', allowed_tools: { mode, tools: tools.map(named) } }
}

const named = ({ name }: { name: string }) => ({ type: 'function' as const, function: { name } })

function structuredOf({ text }: ResponsesBody): StructuredBody {
  const format = text?.format
  if (format?.type !== 'json_schema') return { response_format: format }
  const { name, schema } = format
  return { response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } } }
}
