/**
 * The AI SDK's prompt, tools and settings → a request.
 * @module
 */
import type {
  LanguageModelV3CallOptions,
  LanguageModelV3Message,
  LanguageModelV3ToolResultOutput,
  SharedV3Warning,
} from '@ai-sdk/provider'
import type { ChatRequest, ClientMessage, ClientToolCall } from '../client/chat-types.ts'
import { ConclaveError } from '../errors.ts'

/** What the request cannot hold is told as a warning, or refused where it would change its sense. */
export function requestOf(options: LanguageModelV3CallOptions): {
  request: ChatRequest
  warnings: SharedV3Warning[]
} {
  const warnings: SharedV3Warning[] = []
  const settings = {
    max_tokens: options.maxOutputTokens,
    temperature: options.temperature,
    top_p: options.topP,
    top_k: options.topK,
    presence_penalty: options.presencePenalty,
    frequency_penalty: options.frequencyPenalty,
    stop: options.stopSequences,
    seed: options.seed,
    response_format: formatOf(options),
    tools: toolsOf(options, warnings),
    tool_choice: choiceOf(options),
  }
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return {
    request: {
      messages: options.prompt.flatMap(messagesOf),
      ...Object.fromEntries(given),
      // Fields of the API by their own names: `providerOptions: { conclave: { min_p: 0.1 } }`.
      ...options.providerOptions?.conclave,
    },
    warnings,
  }
}

function formatOf({ responseFormat }: LanguageModelV3CallOptions): object | undefined {
  if (responseFormat === undefined || responseFormat.type === 'text') return undefined
  const { schema, name = 'response' } = responseFormat
  if (schema === undefined) return { type: 'json_object' }
  return { type: 'json_schema', json_schema: { name, schema, strict: true } }
}

function toolsOf({ tools = [] }: LanguageModelV3CallOptions, warnings: SharedV3Warning[]) {
  const list: object[] = []
  for (const tool of tools) {
    if (tool.type !== 'function') {
      warnings.push({ type: 'unsupported', feature: `provider tool ${tool.id}` })
      continue
    }
    const { name, description, inputSchema: parameters } = tool
    list.push({ type: 'function', function: { name, description, parameters } })
  }
  return list.length > 0 ? list : undefined
}

function choiceOf({ toolChoice }: LanguageModelV3CallOptions): ChatRequest['tool_choice'] {
  if (toolChoice?.type !== 'tool') return toolChoice?.type
  return { type: 'function', function: { name: toolChoice.toolName } }
}

function messagesOf(message: LanguageModelV3Message): ClientMessage[] {
  if (message.role === 'system') return [{ role: 'system', content: message.content }]
  if (message.role === 'user')
    return [{ role: 'user', content: message.content.map(textOf).join('') }]
  if (message.role === 'assistant') return [assistantOf(message.content)]
  return message.content.flatMap(part =>
    part.type === 'tool-result'
      ? [{ role: 'tool', tool_call_id: part.toolCallId, content: outputOf(part.output) }]
      : [],
  )
}

function textOf(part: { type: string; text?: string }): string {
  if (part.type === 'text' && part.text !== undefined) return part.text
  throw new ConclaveError(
    'invalid_request',
    'Expected text alone in messages: images, audio and files are not supported.',
  )
}

type AssistantParts = Extract<LanguageModelV3Message, { role: 'assistant' }>['content']

function assistantOf(parts: AssistantParts): ClientMessage {
  const calls: ClientToolCall[] = []
  let content = ''
  let reasoning = ''
  for (const part of parts) {
    if (part.type === 'text') content += part.text
    else if (part.type === 'reasoning') reasoning += part.text
    else if (part.type === 'tool-call')
      calls.push({
        id: part.toolCallId,
        type: 'function',
        function: { name: part.toolName, arguments: JSON.stringify(part.input) },
      })
    else textOf(part)
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
}

function outputOf(output: LanguageModelV3ToolResultOutput): string {
  if (output.type === 'text' || output.type === 'error-text') return output.value
  if (output.type === 'json' || output.type === 'error-json') return JSON.stringify(output.value)
  if (output.type === 'execution-denied') return output.reason ?? 'The call was not allowed.'
  return output.value.map(textOf).join('')
}
