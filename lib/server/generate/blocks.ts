/**
 * One reply as blocks that open, grow and close, as Anthropic's messages and OpenAI's responses
 * are streamed.
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import type { ReplyDelta, ReplyEvent, ReplyEvents, ReplyFinish, ReplyUsage } from './reply.ts'

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

export type BlockEvents = AsyncGenerator<readonly BlockEvent[], void, undefined>

/** Events of one reply; every block is closed before the next opens. */
export async function* blockEvents(events: ReplyEvents): BlockEvents {
  const blocks = new Blocks()
  for await (const together of events) yield together.flatMap(event => blocks.read(event))
}

class Blocks {
  #open: ReplyBlock | undefined
  #next = 0
  #finish: Extract<ReplyEvent, { kind: 'finish' }> | undefined

  read(event: ReplyEvent): BlockEvent[] {
    if (event.kind === 'logprobs') return []
    if (event.kind === 'finish') {
      this.#finish = event
      return this.#close()
    }
    if (event.kind === 'delta') return this.#grow(event.delta)
    const { reason, tokenIds } = this.#finish!
    const { usage, result } = event
    return [{ kind: 'over', reason, tokenIds, usage, result }]
  }

  #close(): BlockEvent[] {
    const block = this.#open
    this.#open = undefined
    return block === undefined ? [] : [{ kind: 'close', block }]
  }

  #grow(delta: ReplyDelta): BlockEvent[] {
    const events: BlockEvent[] = []
    if (this.#open === undefined || !continues(this.#open, delta)) {
      events.push(...this.#close())
      this.#open = blockOf(delta, this.#next++)
      events.push({ kind: 'open', block: this.#open })
    }
    if (delta.kind === 'tool_call') return events
    const block = this.#open
    block.text += delta.text
    events.push({ kind: 'piece', block, text: delta.text })
    return events
  }
}

function continues(open: ReplyBlock, delta: ReplyDelta): boolean {
  if (delta.kind === 'tool_call') return false
  return open.kind === (delta.kind === 'tool_arguments' ? 'tool' : delta.kind)
}

function blockOf(delta: ReplyDelta, index: number): ReplyBlock {
  if (delta.kind === 'tool_call')
    return { index, kind: 'tool', id: delta.id, name: delta.name, text: '' }
  const kind = delta.kind === 'reasoning' ? 'reasoning' : 'content'
  return { index, kind, id: '', name: '', text: '' }
}
