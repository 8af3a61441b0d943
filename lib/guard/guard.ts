/**
 * The guard: a policy applied to texts and streams.
 * @module
 */
import type { Category } from './categories.ts'
import { DocumentIndex } from './documents.ts'
import { Filter } from './filter.ts'
import { Masking } from './masking.ts'
import { type Action, type CheckedPolicy, checkPolicy, type GuardPolicy } from './policy.ts'
import { allRules } from './rules.ts'
import { arrange, Scanner } from './scanner.ts'
import { TermIndex } from './terms.ts'

/** One find. The matched text itself is not in it. */
export interface GuardMatch {
  category: Category
  /** The rule that found it, such as `resident_id`. */
  rule: string
  /** UTF-16 offsets in the input; `end` is exclusive. */
  start: number
  end: number
  action: Action
  /** 0 … 1. */
  score: number
}

/** What {@link Guard.scan} answers. */
export interface GuardResult {
  /** The text with masks; up to the match where one blocks. */
  text: string
  blocked: boolean
  matches: GuardMatch[]
}

/** A policy, ready to be applied. Made by {@link createGuard}. */
export interface Guard {
  /** Looks through a whole text. Linear time. */
  scan(text: string): GuardResult
  /** Masks a stream of text; the readable side closes at a block. */
  stream(): TransformStream<string, string>
  /** Puts back what this guard's pseudonyms in `text` stand for. */
  restore(text: string): string
}

/**
 * Makes a guard of a policy.
 *
 * `'default'` masks every category. A policy of one's own is plain data, so it may come from a
 * JSON file; the categories that it leaves out are off.
 * @throws {ConclaveError} `invalid_request` where the policy is not valid.
 * @example
 * const guard = createGuard({ categories: { phone: 'mask', secret: 'block' } })
 * guard.scan('Ring 138 0013 8000').text // 'Ring [PHONE]'
 */
export function createGuard(policy: 'default' | GuardPolicy = 'default'): Guard {
  const checked = checkPolicy(policy)
  const masking = new Masking(checked.key)
  const filter = filtersOf(checked, masking)
  return {
    scan: text => scanAll(filter(), text),
    stream: () => streamThrough(filter()),
    restore: text => masking.restore(text),
  }
}

/** Makes filters of a policy; each takes one text. */
export function filterOf(policy: 'default' | GuardPolicy): () => Filter {
  const checked = checkPolicy(policy)
  return filtersOf(checked, new Masking(checked.key))
}

function filtersOf(checked: CheckedPolicy, masking: Masking): () => Filter {
  const on = (category: Category) => checked.treatments.get(category)!.action !== 'off'
  const rules = arrange(allRules.filter(rule => on(rule.category)))
  const terms = on('term') && checked.terms.length > 0 ? new TermIndex(checked.terms) : undefined
  const documents =
    on('document') && checked.documents.length > 0
      ? new DocumentIndex(checked.documents)
      : undefined
  return () => {
    const trackers = [terms?.tracker(), documents?.tracker()].filter(t => t !== undefined)
    return new Filter(new Scanner(rules, trackers), checked, masking)
  }
}

function scanAll(filter: Filter, text: string): GuardResult {
  const out = filter.push(text) + filter.end()
  return { text: out, blocked: filter.blocked, matches: filter.matches }
}

function streamThrough(filter: Filter): TransformStream<string, string> {
  return new TransformStream<string, string>({
    transform(chunk, controller) {
      const out = filter.push(chunk)
      if (out !== '') controller.enqueue(out)
      if (filter.blocked) controller.terminate()
    },
    flush(controller) {
      const out = filter.end()
      if (out !== '') controller.enqueue(out)
    },
  })
}
