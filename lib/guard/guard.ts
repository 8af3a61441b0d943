/**
 * The guard: a policy applied to texts and streams.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { Category } from './categories.ts'
import { DocumentIndex } from './documents.ts'
import { Filter } from './filter.ts'
import { GuardedText } from './guarded-text.ts'
import { Masking } from './masking.ts'
import { PatternIndex } from './patterns.ts'
import {
  type Action,
  type CheckedPolicy,
  checkPolicy,
  type Direction,
  type GuardPolicy,
  type Treatments,
} from './policy.ts'
import { RuleTable } from './rule.ts'
import { allRules } from './rules.ts'
import { Scanner } from './scanner.ts'
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

/** How often something was found. */
export interface GuardCount {
  category: Category
  action: Action
  direction: Direction
  count: number
}

/** A policy, ready to be applied. Made by {@link createGuard}. */
export interface Guard {
  /** Looks through a whole text. Linear time. `direction` is `output` by default. */
  scan(text: string, direction?: Direction): GuardResult
  /** Masks a stream of text; the readable side closes at a block. */
  stream(direction?: Direction): TransformStream<string, string>
  /** As {@link Guard.scan} for text that is, begins with, or calls a tool with JSON, which stays valid. */
  scanJson(text: string, direction?: Direction): GuardResult
  /** What was found so far, for metrics. */
  counts(): GuardCount[]
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
  const counter = new Counter()
  const make = (direction: Direction, treatments: Treatments) =>
    filtersOf(checked, treatments, masking, match => counter.add(direction, match))
  const { treatments } = checked
  const filters = {
    input: make('input', treatments.input),
    output: make('output', treatments.output),
  }
  let strict: (() => Filter) | undefined
  const guard: Guard = {
    scan: (text, direction = 'output') => scanAll(filters[direction](), text),
    scanJson: (text, direction = 'output') => {
      const guarded = new GuardedText(filters[direction]())
      const out = guarded.push(text) + guarded.end()
      return { text: out, blocked: guarded.blocked, matches: [...guarded.matches] }
    },
    stream: (direction = 'output') => streamThrough(filters[direction]()),
    restore: text => masking.restore(text),
    counts: () => counter.list(),
  }
  openers.set(guard, (direction, blocks) => {
    if (!blocks || direction === 'input') return filters[direction]()
    strict ??= make('output', allBlock(treatments.output))
    return strict()
  })
  return guard
}

const openers = new WeakMap<Guard, (direction: Direction, blocks: boolean) => Filter>()

/**
 * One text on its way through `guard`, in pieces, which may hold JSON; `blocks`: whatever is found
 * on its way out ends it. Throws as `openFilter`.
 */
export function guardedText(guard: Guard, direction: Direction, blocks = false): GuardedText {
  return new GuardedText(openFilter(guard, direction, blocks))
}

/** As `guardedText` for plain text. Throws `invalid_request` for another's object. */
export function openFilter(guard: Guard, direction: Direction, blocks = false): Filter {
  const open = openers.get(guard)
  if (open === undefined)
    throw new ConclaveError(
      'invalid_request',
      'Expected a guard that createGuard made. Make one from your policy.',
      { option: 'guard' },
    )
  return open(direction, blocks)
}

/** A guard of a guard, a policy or `'default'`. */
export function guardOf(guard: 'default' | GuardPolicy | Guard): Guard {
  return typeof guard === 'object' && openers.has(guard as Guard)
    ? (guard as Guard)
    : createGuard(guard as 'default' | GuardPolicy)
}

/** Counts by category, action and direction. */
class Counter {
  readonly #counts = new Map<string, GuardCount>()

  add(direction: Direction, { category, action }: GuardMatch): void {
    const key = `${category} ${action} ${direction}`
    const count = this.#counts.get(key) ?? { category, action, direction, count: 0 }
    count.count++
    this.#counts.set(key, count)
  }

  list(): GuardCount[] {
    return [...this.#counts.values()].map(count => ({ ...count }))
  }
}

/** Makes filters of a policy; each takes one text. */
export function filterOf(policy: 'default' | GuardPolicy): () => Filter {
  const checked = checkPolicy(policy)
  return filtersOf(checked, checked.treatments.output, new Masking(checked.key), () => {})
}

/** Every category that is looked for ends the text. */
function allBlock(treatments: Treatments): Treatments {
  const strict = new Map(treatments)
  for (const [name, one] of strict)
    if (one.action !== 'off') strict.set(name, { ...one, action: 'block' })
  return strict
}

function filtersOf(
  checked: CheckedPolicy,
  treatments: Treatments,
  masking: Masking,
  onMatch: (match: GuardMatch) => void,
): () => Filter {
  const on = (category: Category) => treatments.get(category)!.action !== 'off'
  const rules = new RuleTable(allRules.filter(rule => on(rule.category)))
  const terms = on('term') && checked.terms.length > 0 ? new TermIndex(checked.terms) : undefined
  const documents =
    on('document') && checked.documents.length > 0
      ? new DocumentIndex(checked.documents)
      : undefined
  const patterns =
    on('pattern') && checked.patterns.length > 0 ? new PatternIndex(checked.patterns) : undefined
  return () => {
    const trackers = [terms?.tracker(), documents?.tracker(), patterns?.tracker()].filter(
      t => t !== undefined,
    )
    return new Filter(new Scanner(rules, trackers), treatments, masking, onMatch)
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
