/**
 * What a model says, apart from how an API writes it down.
 * @module
 */
import type { ChosenLogprob } from '../../engine/answer.ts'
import type { GenerationResult } from '../../engine/generation.ts'

export type ReplyDelta =
  | { kind: 'content' | 'reasoning'; text: string }
  /** Begins call number `call` of the reply, from 0. */
  | { kind: 'tool_call'; call: number; id: string; name: string }
  /** A piece of the JSON text of its arguments. */
  | { kind: 'tool_arguments'; call: number; text: string }

export type ReplyFinish = 'stop' | 'length' | 'tool_calls' | 'content_filter'

export interface ReplyUsage {
  promptTokens: number
  completionTokens: number
  cachedTokens: number
  reasoningTokens: number
}

/** One thing that happened to the replies of a request, in order. */
export type ReplyEvent =
  | { kind: 'delta'; index: number; delta: ReplyDelta }
  /** Log-probabilities of tokens since the last; they come before the delta of their text. */
  | { kind: 'logprobs'; index: number; logprobs: ChosenLogprob[] }
  | { kind: 'finish'; index: number; reason: ReplyFinish; tokenIds: readonly number[] }
  | { kind: 'end'; usage: ReplyUsage; result: GenerationResult }

/** What happened, together where it came together: a chunk of the engine's, the end. */
export type ReplyEvents = AsyncGenerator<readonly ReplyEvent[], void, undefined>

export interface WholeReply {
  content: string
  reasoning: string
  toolCalls: { id: string; name: string; arguments: string }[]
  logprobs: ChosenLogprob[]
  finish: ReplyFinish
  tokenIds: readonly number[]
}

/** The replies, once all is there. */
export async function collect(
  events: ReplyEvents,
  count: number,
): Promise<{ replies: WholeReply[]; usage: ReplyUsage; result: GenerationResult }> {
  const replies = Array.from({ length: count }, emptyReply)
  let end: (ReplyEvent & { kind: 'end' }) | undefined
  for await (const together of events)
    for (const event of together)
      if (event.kind === 'end') end = event
      else read(replies[event.index]!, event)
  const { usage, result } = end!
  return { replies, usage, result }
}

function emptyReply(): WholeReply {
  return { content: '', reasoning: '', toolCalls: [], logprobs: [], finish: 'stop', tokenIds: [] }
}

function read(reply: WholeReply, event: Exclude<ReplyEvent, { kind: 'end' }>): void {
  if (event.kind === 'finish') {
    reply.finish = event.reason
    reply.tokenIds = event.tokenIds
  } else if (event.kind === 'logprobs') reply.logprobs.push(...event.logprobs)
  else add(reply, event.delta)
}

function add(reply: WholeReply, delta: ReplyDelta): void {
  if (delta.kind === 'tool_call')
    reply.toolCalls[delta.call] = { id: delta.id, name: delta.name, arguments: '' }
  else if (delta.kind === 'tool_arguments') reply.toolCalls[delta.call]!.arguments += delta.text
  else reply[delta.kind] += delta.text
}
