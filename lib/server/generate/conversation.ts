/**
 * A chat as clients write it → the prompt, and how the reply is read.
 * @module
 */
import type { ChatMessage, Role, ToolDefinition } from '../../chat/messages.ts'
import type { RenderedChat } from '../../chat/model-tokenizer.ts'
import { createReplyParser } from '../../chat/reply-parser.ts'
import type { Call } from '../endpoint.ts'
import { badField } from '../refusal.ts'
import { tokenizerOf } from '../served-model.ts'
import type { WireMessage } from '../wire/messages.ts'
import type { StructuredBody } from '../wire/structured.ts'
import type { WireTool, WireToolChoice } from '../wire/tools.ts'
import { ReplyReader } from './reply-reader.ts'
import { structuredOptions } from './structured.ts'

export interface Conversation {
  messages: readonly WireMessage[]
  tools?: readonly WireTool[] | null | undefined
  toolChoice?: WireToolChoice | null | undefined
  /** Turns thinking off or on, where the template has a switch. */
  reasoningEffort?: string | null | undefined
  templateOptions?: Record<string, unknown> | null | undefined
  structured?: StructuredBody
  /** Default true: the prompt ends where the answer begins. */
  addGenerationPrompt?: boolean
}

export interface PreparedChat {
  rendered: RenderedChat
  /** Options of the engine that hold the reply to its form. */
  structured: object
  /** A reader for one of its answers. */
  reader(): ReplyReader
}

export function prepareChat(call: Call, conversation: Conversation): PreparedChat {
  checkChoice(conversation)
  const rendered = renderChat(call, conversation)
  const tools = shownTools(conversation)
  const style = tokenizerOf(call.serving.model).replyStyle(rendered.text, tools.length > 0)
  return {
    rendered,
    structured: structuredOptions(conversation),
    reader: () => new ReplyReader(createReplyParser({ ...style, tools })),
  }
}

function shownTools({ tools, toolChoice }: Conversation): ToolDefinition[] {
  return toolChoice === 'none' ? [] : (tools ?? []).map(toDefinition)
}

export function renderChat({ serving }: Call, conversation: Conversation): RenderedChat {
  const { messages, reasoningEffort, templateOptions } = conversation
  const thinking =
    reasoningEffort === null || reasoningEffort === undefined
      ? {}
      : { enable_thinking: reasoningEffort !== 'none' && reasoningEffort !== 'minimal' }
  const tools = shownTools(conversation)
  return tokenizerOf(serving.model).applyChatTemplate(messages.map(toMessage), {
    ...(tools.length > 0 ? { tools } : {}),
    templateOptions: { ...thinking, ...templateOptions },
    addGenerationPrompt: conversation.addGenerationPrompt ?? true,
  })
}

function checkChoice({ tools, toolChoice }: Conversation): void {
  if (toolChoice === null || toolChoice === undefined || typeof toolChoice === 'string') {
    if (toolChoice === 'required' && (tools?.length ?? 0) === 0)
      throw badField('tool_choice', "Expected tools beside tool_choice 'required'.")
    return
  }
  const { name } = toolChoice.function
  if (!tools?.some(tool => tool.function.name === name))
    throw badField('tool_choice', 'Expected tool_choice to name one of the tools.')
}

/** Templates know a `system`, and nothing of keys that are null. */
function toMessage(message: WireMessage): ChatMessage {
  const entries = Object.entries(message).filter(([, value]) => value !== null)
  const role: Role = message.role === 'developer' ? 'system' : message.role
  return { ...Object.fromEntries(entries), role }
}

function toDefinition({ function: described }: WireTool): ToolDefinition {
  const { name, description, parameters } = described
  return {
    type: 'function',
    function: {
      name,
      ...(description ? { description } : {}),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  }
}
