/**
 * Reads one answer: pieces of text → reasoning, content and tool calls.
 * @module
 */

import type { ReplyDelta as ParsedDelta, ReplyParser } from '../../chat/reply-parser.ts'
import type { GenerationChunk } from '../../engine/answer.ts'
import type { FinishReason } from '../../engine/request.ts'
import { newId } from '../ids.ts'
import type { ReplyDelta, ReplyFinish } from './reply.ts'

/** Text in, what it means out; whatever the pieces, the sum is the same. */
export type TextParser = Pick<ReplyParser, 'push' | 'end'>

/** Everything is content. */
export const plainParser: TextParser = {
  push: text => (text === '' ? [] : [{ type: 'content', text }]),
  end: () => [],
}

export class ReplyReader {
  readonly #parser: TextParser
  readonly #oneCall: boolean
  #reasoningTokens = 0
  #numCalls = 0
  #reason: ReplyFinish = 'stop'

  /** `oneCall`: calls after the first are left out. */
  constructor(parser: TextParser, oneCall = false) {
    this.#parser = parser
    this.#oneCall = oneCall
  }

  get reasoningTokens(): number {
    return this.#reasoningTokens
  }

  get reason(): ReplyFinish {
    return this.#reason
  }

  read({ text, tokenIds }: GenerationChunk): ReplyDelta[] {
    const deltas = this.#pass(this.#parser.push(text))
    const isReasoning = deltas.length > 0 && deltas.every(delta => delta.kind === 'reasoning')
    if (isReasoning) this.#reasoningTokens += tokenIds.length
    return deltas
  }

  finish(reason: FinishReason): { deltas: ReplyDelta[]; reason: ReplyFinish } {
    const deltas = this.#pass(this.#parser.end())
    this.#reason = reason === 'aborted' ? 'stop' : reason
    if (reason === 'stop' && this.#numCalls > 0) this.#reason = 'tool_calls'
    return { deltas, reason: this.#reason }
  }

  #pass(parsed: ParsedDelta[]): ReplyDelta[] {
    const deltas: ReplyDelta[] = []
    for (const delta of parsed) {
      if (delta.type !== 'tool_call') {
        deltas.push({ kind: delta.type, text: delta.text })
        continue
      }
      const { index: call, name, arguments: text } = delta
      if (this.#oneCall && call > 0) continue
      if (name !== undefined) {
        this.#numCalls++
        deltas.push({
          kind: 'tool_call',
          call,
          id: `call_${newId()}`,
          name,
        })
      }
      if (text !== '') deltas.push({ kind: 'tool_arguments', call, text })
    }
    return deltas
  }
}
