/**
 * Which of several overlapping finds counts.
 * @module
 */
import type { Action } from './policy.ts'
import type { Found } from './scanner.ts'

/** A find with what the policy wants done. */
export interface Decided extends Found {
  action: Action
}

const rank = { off: 0, score: 1, mask: 2, block: 3 } as const

/** True where `a` names the stretch rather than `b`: stronger action, longer, surer. */
function outranks(a: Decided, b: Decided): boolean {
  if (a.action !== b.action) return rank[a.action] > rank[b.action]
  const longer = a.end - a.start - (b.end - b.start)
  return longer !== 0 ? longer > 0 : a.score > b.score
}

/**
 * Joins what overlaps: the strongest names the stretch, and the stretch covers all of it, so that
 * no part of any match stays. Finds that are only scored give way to those that are acted on.
 */
export function resolve(found: Decided[]): Decided[] {
  const acted = join(found.filter(f => rank[f.action] > 1))
  const scored = join(found.filter(f => f.action === 'score'))
  if (scored.length === 0) return acted
  const free = scored.filter(s => !overlaps(acted, s))
  return [...acted, ...free].sort((a, b) => a.start - b.start)
}

function join(found: Decided[]): Decided[] {
  const joined: Decided[] = []
  for (const next of found.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = joined.at(-1)
    if (last === undefined || next.start >= last.end) {
      joined.push({ ...next })
      continue
    }
    const winner = outranks(next, last) ? next : last
    const end = Math.max(last.end, next.end)
    joined[joined.length - 1] = { ...winner, start: last.start, end }
  }
  return joined
}

/** True where one of `sorted`, which do not overlap, shares a character with `one`. */
function overlaps(sorted: Decided[], one: Decided): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.end <= one.start) low = middle + 1
    else high = middle
  }
  return low < sorted.length && sorted[low]!.start < one.end
}
