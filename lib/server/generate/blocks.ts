/**
 * One reply as blocks that open, grow and close, as Anthropic's messages and OpenAI's responses
 * are streamed.
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import type { ReplyDelta, ReplyEvent, ReplyFinish, ReplyUsage } from './reply.ts'

export interface ReplyBlock {
  /** From 0. */
  readonly index: number
  readonly kind: 'reasoning' | 'content' | 'tool'
  /** Of a tool call. */
  readonly id: string
  readonly name: string
  /** All of it so far. */
  text: string
}

export type BlockEvent =
  | { kind: 'open'; block: ReplyBlock }
  | { kind: 'piece'; block: ReplyBlock; text: string }
  | { kind: 'close'; block: ReplyBlock }
  | {
      kind: 'over'
      reason: ReplyFinish
      tokenIds: readonly number[]
      usage: ReplyUsage
      result: GenerationResult
    }

/** Events of one reply; every block is closed before the next opens. */
export async function* blockEvents(
  events: AsyncIterable<ReplyEvent>,
): AsyncGenerator<BlockEvent, void, undefined> {
  let open: ReplyBlock | undefined
  let next = 0
  let finish: Extract<ReplyEvent, { kind: 'finish' }> | undefined
  for await (const event of events) {
    if (event.kind === 'logprobs') continue
    if (event.kind === 'finish') finish = event
    if (event.kind === 'end') {
      const { reason, tokenIds } = finish!
      const { usage, result } = event
      yield { kind: 'over', reason, tokenIds, usage, result }
    }
    const begins = event.kind === 'delta' && !continues(open, event.delta)
    if (open !== undefined && (begins || event.kind === 'finish')) {
      yield { kind: 'close', block: open }
      open = undefined
    }
    if (event.kind !== 'delta') continue
    if (begins) {
      open = blockOf(event.delta, next++)
      yield { kind: 'open', block: open }
    }
    if (event.delta.kind === 'tool_call') continue
    open!.text += event.delta.text
    yield { kind: 'piece', block: open!, text: event.delta.text }
  }
}

function continues(open: ReplyBlock | undefined, delta: ReplyDelta): boolean {
  if (delta.kind === 'tool_call') return false
  return open?.kind === (delta.kind === 'tool_arguments' ? 'tool' : delta.kind)
}

function blockOf(delta: ReplyDelta, index: number): ReplyBlock {
  if (delta.kind === 'tool_call')
    return { index, kind: 'tool', id: delta.id, name: delta.name, text: '' }
  const kind = delta.kind === 'reasoning' ? 'reasoning' : 'content'
  return { index, kind, id: '', name: '', text: '' }
}
