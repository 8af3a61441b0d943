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
import { plainParser, ReplyReader, type TextParser } from './reply-reader.ts'
import { type Form, formOf } from './structured.ts'

export interface Conversation {
  messages: readonly WireMessage[]
  tools?: readonly WireTool[] | null | undefined
  toolChoice?: WireToolChoice | null | undefined
  /** Of several calls the first alone is told. */
  oneCall?: boolean
  /** Turns thinking off or on, where the template has a switch. */
  reasoningEffort?: string | null | undefined
  templateOptions?: Record<string, unknown> | null | undefined
  structured?: StructuredBody
  /** Default true: the prompt ends where the answer begins. */
  addGenerationPrompt?: boolean
}

export interface PreparedChat {
  ids: ArrayLike<number>
  /** Option of the engine that holds the reply to its form. */
  form: Form | undefined
  /** A reader for one of its answers. */
  reader(): ReplyReader
}

export async function prepareChat(call: Call, asked: Conversation): Promise<PreparedChat> {
  checkChoice(asked)
  const conversation = onlyAllowed(asked)
  const { text, ids } = await renderChat(call, conversation)
  const tokenizer = tokenizerOf(call.serving.model)
  const tools = shownTools(conversation)
  const style = tokenizer.replyStyle(text, tools.length > 0)
  const form = formOf(conversation)
  if (form === undefined) {
    const parser = () => createReplyParser({ ...style, tools })
    return { ids, form, reader: () => new ReplyReader(parser(), conversation.oneCall) }
  }
  // The form is the whole reply: a thought that the prompt began ends there.
  const closed = style.thinking === 'open' ? '\n</think>\n\n' : ''
  const begun = form.isCall ? `${closed}<tool_call>\n` : closed
  const more = tokenizer.encode(begun, { controlTokens: true })
  return {
    ids: begun === '' ? ids : [...ids, ...more],
    form,
    reader: () => new ReplyReader(form.isCall ? callParser(tools) : plainParser),
  }
}

/** Reads the JSON of a call that the prompt has begun. */
function callParser(tools: readonly ToolDefinition[]): TextParser {
  const parser = createReplyParser({ format: 'hermes', thinking: 'off', tools })
  parser.push('<tool_call>')
  return {
    push: text => parser.push(text),
    end: () => [...parser.push('</tool_call>'), ...parser.end()],
  }
}

function shownTools({ tools, toolChoice }: Conversation): ToolDefinition[] {
  return toolChoice === 'none' ? [] : (tools ?? []).map(toDefinition)
}

/** Long ones a few milliseconds at a time. */
export function renderChat({ serving }: Call, conversation: Conversation): Promise<RenderedChat> {
  const { messages, reasoningEffort, templateOptions } = conversation
  const thinking =
    reasoningEffort === null || reasoningEffort === undefined
      ? {}
      : { enable_thinking: reasoningEffort !== 'none' && reasoningEffort !== 'minimal' }
  const tools = shownTools(conversation)
  return tokenizerOf(serving.model).prepareChat(messages.map(toMessage), {
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
  const known = new Set(tools?.map(tool => tool.function.name))
  for (const name of namesOf(toolChoice))
    if (!known.has(name))
      throw badField('tool_choice', 'Expected tool_choice to name one of the tools.')
}

function namesOf(choice: Exclude<WireToolChoice, string>): string[] {
  if (choice.type === 'function') return [choice.function.name]
  return choice.allowed_tools.tools.map(tool => tool.function.name)
}

/** Of tools that are not allowed the model hears nothing. */
function onlyAllowed(conversation: Conversation): Conversation {
  const { tools, toolChoice } = conversation
  if (typeof toolChoice !== 'object' || toolChoice?.type !== 'allowed_tools') return conversation
  const names = new Set(namesOf(toolChoice))
  const allowed = tools?.filter(tool => names.has(tool.function.name))
  return { ...conversation, tools: allowed, toolChoice: toolChoice.allowed_tools.mode }
}

/** Templates know a `system`, and nothing of keys that are null or of no calls. */
function toMessage(message: WireMessage): ChatMessage {
  const hasNoCalls = message.tool_calls?.length === 0
  const entries = Object.entries(message).filter(
    ([key, value]) => value !== null && !(hasNoCalls && key === 'tool_calls'),
  )
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
