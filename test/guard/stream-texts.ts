/** Streams in tests, without the machinery of web streams. */
import { filterOf } from '../../lib/guard/guard.ts'
import type { GuardPolicy } from '../../lib/guard/index.ts'

/** Automata of terms and documents are made once for a policy. */
const openers = new Map<unknown, ReturnType<typeof filterOf>>()

/** What has left after each chunk, the whole, and how much was held back after each chunk. */
export function push(policy: 'default' | GuardPolicy, chunks: readonly string[]) {
  const open = openers.get(policy) ?? filterOf(policy)
  openers.set(policy, open)
  const filter = open()
  const prefixes: string[] = []
  const held: number[] = []
  let sum = ''
  for (const chunk of chunks) {
    sum += filter.push(chunk)
    prefixes.push(sum)
    held.push(filter.held)
  }
  sum += filter.end()
  return { sum, prefixes, held, blocked: filter.blocked, matches: filter.matches }
}
