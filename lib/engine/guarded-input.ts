/**
 * What enters: every text of a conversation and of a prompt passes the guard before the model and
 * the prefix cache see it.
 * @module
 */
import type { ChatMessage } from '../chat/messages.ts'
import type { Guard, GuardMatch } from '../guard/guard.ts'
import { GuardedData } from '../guard/guarded-data.ts'
import type { Direction } from '../guard/policy.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** What may enter, and what was found in it. */
export interface Looked<T> {
  /** `undefined`: the guard's policy ends the request. */
  value: T | undefined
  matches: readonly GuardMatch[]
}

const looked = <T>({ blocked, matches }: GuardedData, value: T): Looked<T> => ({
  value: blocked ? undefined : value,
  matches,
})

/** Throws `invalid_request` for what the guard cannot read. */
export function guardedMessages(
  guard: Guard,
  messages: readonly ChatMessage[],
): Looked<ChatMessage[]> {
  const input = new GuardedData(guard, 'input')
  // What is no list or no object is refused behind, with a sentence of its own.
  if (!Array.isArray(messages)) return looked(input, messages as unknown as ChatMessage[])
  return looked(
    input,
    messages.map(message => input.value(message)),
  )
}

export function guardedPrompt(
  guard: Guard,
  prompt: string,
  direction: Direction = 'input',
): Looked<string> {
  const input = new GuardedData(guard, direction)
  return looked(input, input.text(prompt))
}

/** Ids as the texts between their control tokens; the same ids where nothing is masked. */
export function guardedIds(
  guard: Guard,
  tokenizer: Tokenizer,
  ids: ArrayLike<number>,
  direction: Direction = 'input',
): Looked<ArrayLike<number>> {
  const input = new GuardedData(guard, direction)
  const controls = new Set(tokenizer.controlTokens.map(token => token.id))
  const out: number[] = []
  let stretch: number[] = []
  const close = () => {
    const text = tokenizer.decode(stretch)
    const allowed = input.text(text)
    for (const id of allowed === text ? stretch : tokenizer.encode(allowed)) out.push(id)
    stretch = []
  }
  for (let i = 0; i < ids.length; i++) {
    if (!controls.has(ids[i]!)) stretch.push(ids[i]!)
    else {
      close()
      out.push(ids[i]!)
    }
  }
  close()
  return looked(input, out)
}
