/**
 * What a chat takes and gives.
 * @module
 */

/** A message of a conversation, as the API has it. */
export interface ClientMessage {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  content?: string | { type: 'text'; text: string }[] | null
  reasoning_content?: string
  tool_calls?: ClientToolCall[]
  tool_call_id?: string
}

/** A call of a function that the model asks for. */
export interface ClientToolCall {
  id: string
  type: 'function'
  /** `arguments` is the JSON text of an object. */
  function: { name: string; arguments: string }
}

/** Fields as the API has them; others are sent as they are. */
export interface ChatRequest {
  messages: ClientMessage[]
  model?: string
  max_tokens?: number
  temperature?: number
  top_p?: number
  top_k?: number
  seed?: number
  stop?: string | string[]
  tools?: object[]
  tool_choice?: 'none' | 'auto' | 'required' | object
  response_format?: object
  chat_template_kwargs?: { enable_thinking?: boolean; [name: string]: unknown }
  [field: string]: unknown
}

/** Tokens of a request; the cached are among those of the prompt, the reasoning among those of the answer. */
export interface ChatUsage {
  promptTokens: number
  completionTokens: number
  cachedTokens: number
  reasoningTokens: number
}

/** A whole answer. */
export interface ChatResponse {
  id: string
  model: string
  text: string
  /** What the model thought; '' where it did not. */
  reasoning: string
  toolCalls: ClientToolCall[]
  finishReason: string
  usage: ChatUsage
  /** Log-probabilities as the API gives them, or null. */
  logprobs: unknown
  /** The first answer as a message, to be sent with the next request. */
  message: ClientMessage
}

/** A piece of a streamed answer; a field is there where something came. */
export interface ChatDelta {
  text?: string
  reasoning?: string
  /** A piece of call number `index`; `id` and `name` come with its first. */
  toolCall?: { index: number; id?: string; name?: string; arguments: string }
  finishReason?: string
  usage?: ChatUsage
}

interface WireUsage {
  prompt_tokens: number
  completion_tokens?: number
  prompt_tokens_details?: { cached_tokens?: number }
  completion_tokens_details?: { reasoning_tokens?: number }
}

export interface WireChat {
  id: string
  model: string
  choices: {
    message: { content: string | null; reasoning_content?: string; tool_calls?: ClientToolCall[] }
    finish_reason: string
    logprobs?: unknown
  }[]
  usage: WireUsage
}

export interface WireChunk {
  choices: {
    delta: {
      content?: string | null
      reasoning_content?: string
      tool_calls?: {
        index: number
        id?: string
        function?: { name?: string; arguments?: string }
      }[]
    }
    finish_reason: string | null
  }[]
  usage?: WireUsage | null
  error?: unknown
}

function usageOf(usage: WireUsage | null | undefined): ChatUsage {
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    reasoningTokens: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
  }
}

export function responseOf({ id, model, choices, usage }: WireChat): ChatResponse {
  const { message, finish_reason: finishReason, logprobs = null } = choices[0]!
  const toolCalls = message.tool_calls ?? []
  return {
    id,
    model,
    text: message.content ?? '',
    reasoning: message.reasoning_content ?? '',
    toolCalls,
    finishReason,
    usage: usageOf(usage),
    logprobs,
    message: {
      role: 'assistant',
      content: message.content,
      ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
    },
  }
}

export function* deltasOf({ choices, usage }: WireChunk): Generator<ChatDelta> {
  const choice = choices[0]
  if (choice?.delta.reasoning_content) yield { reasoning: choice.delta.reasoning_content }
  if (choice?.delta.content) yield { text: choice.delta.content }
  for (const { index, id, function: called } of choice?.delta.tool_calls ?? [])
    yield {
      toolCall: {
        index,
        ...(id === undefined ? {} : { id }),
        ...(called?.name === undefined ? {} : { name: called.name }),
        arguments: called?.arguments ?? '',
      },
    }
  if (choice?.finish_reason) yield { finishReason: choice.finish_reason }
  if (usage) yield { usage: usageOf(usage) }
}
