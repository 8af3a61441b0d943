/**
 * Anthropic's conversation → the one that templates know.
 * @module
 */
import { badField } from '../refusal.ts'
import type { AnthropicMessage, AssistantBlock, CountBody, UserBlock } from '../wire/anthropic.ts'
import type { WireMessage } from '../wire/messages.ts'
import type { StructuredBody } from '../wire/structured.ts'
import type { WireTool, WireToolChoice } from '../wire/tools.ts'
import type { Conversation } from './conversation.ts'

type Result = Extract<UserBlock, { type: 'tool_result' }>

export function anthropicConversation(body: CountBody): Conversation {
  const system = body.system === undefined ? '' : joined(body.system)
  const ids = new Set<string>()
  const messages = body.messages.flatMap((message, i) => messagesOf(message, i, ids))
  const first: WireMessage[] = system === '' ? [] : [{ role: 'system', content: system }]
  return {
    messages: [...first, ...messages],
    tools: body.tools?.map(toolOf),
    toolChoice: choiceOf(body),
    oneCall: isOneCall(body),
    structured: { response_format: formatOf(body) },
    ...(body.thinking
      ? { reasoningEffort: body.thinking.type === 'disabled' ? 'none' : 'medium' }
      : {}),
  }
}

function toolOf(tool: NonNullable<CountBody['tools']>[number]): WireTool {
  const { name, description, input_schema: parameters } = tool
  return { type: 'function', function: { name, description, parameters } }
}

function choiceOf({ tool_choice: choice }: CountBody): WireToolChoice | undefined {
  if (choice === undefined) return undefined
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } }
  return choice.type === 'any' ? 'required' : choice.type
}

function isOneCall({ tool_choice: choice }: CountBody): boolean {
  return choice !== undefined && choice.type !== 'none' && choice.disable_parallel_tool_use === true
}

function formatOf({ output_config: config }: CountBody): StructuredBody['response_format'] {
  if (!config?.format) return undefined
  const { schema } = config.format
  return { type: 'json_schema', json_schema: { schema, strict: true } }
}

function joined(content: string | readonly { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(part => part.text).join('')
}

function messagesOf(message: AnthropicMessage, i: number, ids: Set<string>): WireMessage[] {
  if (message.role === 'user') {
    const { role, content } = message
    return typeof content === 'string' ? [{ role, content }] : userMessages(content, i, ids)
  }
  const { role, content } = message
  return [typeof content === 'string' ? { role, content } : assistantOf(content, ids)]
}

/** Results of tools come first: they answer the turn before. */
function userMessages(content: readonly UserBlock[], i: number, ids: Set<string>): WireMessage[] {
  const results = content.filter(block => block.type === 'tool_result')
  const messages: WireMessage[] = results.map(block => resultOf(block, i, ids))
  const texts = content.filter(block => block.type === 'text')
  if (texts.length > 0) messages.push({ role: 'user', content: joined(texts) })
  return messages
}

function resultOf(block: Result, i: number, ids: Set<string>): WireMessage {
  if (!ids.has(block.tool_use_id))
    throw badField(`messages[${i}].content`, 'Expected the tool_use_id of an earlier tool_use.')
  const content = joined(block.content ?? '')
  const shown = block.is_error ? `Error: ${content}` : content
  return { role: 'tool', tool_call_id: block.tool_use_id, content: shown }
}

function assistantOf(content: readonly AssistantBlock[], ids: Set<string>): WireMessage {
  const calls: NonNullable<WireMessage['tool_calls']> = []
  let text = ''
  let thinking = ''
  for (const block of content) {
    if (block.type === 'text') text += block.text
    else if (block.type === 'thinking') thinking += block.thinking
    else if (block.type === 'tool_use') {
      ids.add(block.id)
      const called = { name: block.name, arguments: JSON.stringify(block.input) }
      calls.push({ id: block.id, type: 'function', function: called })
    }
  }
  return {
    role: 'assistant',
    content: text,
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
}
