/**
 * What enters: every text of a conversation and of a prompt passes the guard before the model and
 * the prefix cache see it.
 * @module
 */
import type { ChatMessage } from '../chat/messages.ts'
import type { Guard } from '../guard/guard.ts'
import { GuardedData } from '../guard/guarded-data.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** `undefined`: the guard's policy ends the request. */
export function guardedMessages(
  guard: Guard,
  messages: readonly ChatMessage[],
): ChatMessage[] | undefined {
  const input = new GuardedData(guard, 'input')
  // What is no list or no object is refused behind, with a sentence of its own.
  if (!Array.isArray(messages)) return messages as unknown as ChatMessage[]
  const guarded = messages.map(message => input.value(message))
  return input.blocked ? undefined : guarded
}

/** `undefined`: the guard's policy ends the request. */
export function guardedPrompt(guard: Guard, prompt: string): string | undefined {
  const input = new GuardedData(guard, 'input')
  const text = input.text(prompt)
  return input.blocked ? undefined : text
}

/**
 * Ids as the texts between their control tokens; the same ids where nothing is masked. `undefined`:
 * the guard's policy ends the request.
 */
export function guardedIds(
  guard: Guard,
  tokenizer: Tokenizer,
  ids: ArrayLike<number>,
): ArrayLike<number> | undefined {
  const input = new GuardedData(guard, 'input')
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
  return input.blocked ? undefined : out
}
