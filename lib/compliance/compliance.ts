/**
 * Messages in, cases and audit records out. Nothing comes back to whoever answers the customer.
 * @module
 */
import { createHmac } from 'node:crypto'
import { ConclaveError } from '../errors.ts'
import { categoryTags } from '../guard/categories.ts'
import { openFilter } from '../guard/guard.ts'
import { createGuard, type Guard, type GuardMatch } from '../guard/index.ts'
import { inSlices, type Slices } from '../slices.ts'
import type { AuditLog } from './audit-log.ts'
import type { CaseStore, NewHit, Review } from './case-store.ts'
import { Evaluator, type Message } from './evaluate.ts'
import {
  checkLists,
  checkRuleBook,
  defaultRuleBook,
  type Lists,
  type RuleBook,
} from './rule-book.ts'
import { checkBounds, Waiting, type WaitingBounds } from './waiting.ts'
import { firstEndingBehind } from './words.ts'

export interface ComplianceOptions {
  store: CaseStore
  /** Where hits and decisions are recorded; without one they are in the store alone. */
  audit?: AuditLog
  /** At least 16 characters: key of the pseudonyms and salt of the hashes. */
  key: string
  /** Restricted issuers, sanctioned names, barriers. */
  lists?: Lists
  /** Default: the rules that come with the package; see {@link defaultRuleBook} to add to them. */
  book?: RuleBook
  /** How much may wait to be examined; see {@link Compliance.observe}. */
  waiting?: WaitingBounds
}

/** What became of the texts since the start. */
export interface ComplianceCounts {
  examined: number
  /** The audit log names each. */
  unexamined: number
  /** Now. */
  waiting: number
}

/** Watches messages. Made by {@link createCompliance}. */
export interface Compliance {
  readonly book: RuleBook
  readonly store: CaseStore
  readonly audit: AuditLog | undefined
  /**
   * Checks a message against every rule, behind those that wait. What holds opens or extends a
   * case. It resolves with nothing, so that no answer can depend on it.
   *
   * Rejects with `overloaded` where more wait than `waiting` allows, and with what the store or
   * the audit log throws. Such a text was not examined, or not to the end: the audit log then has
   * an `unexamined` record of it, unless the error's `details.recorded` is false.
   */
  observe(message: Message): Promise<void>
  counts(): ComplianceCounts
  /** Records a person's decision, in the case and in the audit log. */
  review(caseId: string, review: Review): Promise<void>
  /** The pseudonym under which a subject's cases stand. */
  pseudonym(subject: string): string
}

const shortestKey = 16
/** Characters of the text on both sides of a hit. */
const around = 120
const hourMs = 3_600_000

/**
 * Puts rules, lists, a case store and an audit log together. Throws `invalid_request`.
 * @example
 * const store = await openCaseStore({ sqlite: 'cases.db' })
 * const compliance = createCompliance({ store, key, lists })
 * await compliance.observe({ requestId, subject: 'customer 17', direction: 'input', text })
 */
export function createCompliance(options: ComplianceOptions): Compliance {
  const { store, audit, key } = options
  if (typeof key !== 'string' || key.length < shortestKey)
    throw new ConclaveError(
      'invalid_request',
      `Expected a key of at least ${shortestKey} characters for pseudonyms. Give one.`,
    )
  const book = options.book === undefined ? defaultRuleBook() : checkRuleBook(options.book)
  const evaluator = new Evaluator(book, checkLists(options.lists ?? {}))
  const guard = createGuard('default')
  const mac = (what: string, text: string) =>
    createHmac('sha256', key).update(`${what}\n${text}`).digest('hex')
  const pseudonym = (subject: string) => `s-${mac('subject', subject).slice(0, 24)}`

  const longest = longestWindow(book)
  let forgotten = 0
  /** Once an hour of the messages' own time, which may be that of old ones. */
  const forgetOld = async (at: Date) => {
    const moment = Math.min(at.getTime(), Date.now())
    if (Math.abs(moment - forgotten) < hourMs) return
    forgotten = moment
    await store.forget(longest, new Date(moment))
  }

  const examine = async (message: Message) => {
    const at = message.at ?? new Date()
    const subject = pseudonym(message.subject)
    await forgetOld(at)
    const found = await evaluator.hits(message, store.windows(subject, at))
    if (found.length === 0) return
    const textHash = mac('text', message.text)
    const matches = await inSlices(matchesOf(guard, message.text))
    const hits: NewHit[] = found.map(hit => ({
      ...hit,
      book: book.version,
      requestId: message.requestId,
      direction: message.direction,
      excerpt: maskedExcerpt(message.text, matches, hit.start, hit.end),
      action: 'none',
      textHash,
    }))
    const cases = await store.addHits(subject, hits, at)
    // At the same time they share a sync.
    await Promise.all(
      hits.map(({ rule, score, start, end, requestId: request }, i) =>
        audit?.append('hit', {
          ...{ case: cases[i]!, rule, score, request, subject, start, end },
          text: textHash,
        }),
      ),
    )
  }

  const waiting = new Waiting(checkBounds(options.waiting ?? {}))
  const counts = { examined: 0, unexamined: 0 }
  /** Leaves word of a text that nobody looked at to its end. */
  const leaveWord = async (message: Message, reason: string): Promise<boolean> => {
    counts.unexamined++
    const { requestId: request, direction, text } = message
    const about = { request, subject: pseudonym(message.subject), direction }
    const data = { ...about, characters: text.length, reason, text: mac('text', text) }
    return audit === undefined
      ? false
      : audit.append('unexamined', data).then(
          () => true,
          () => false,
        )
  }

  return {
    book,
    store,
    audit,
    pseudonym,
    counts: () => ({ ...counts, waiting: waiting.texts }),
    async observe(message) {
      try {
        const done = waiting.enter(message.text.length, () => examine(message))
        if (done === undefined) throw overloaded()
        await done
        counts.examined++
      } catch (error) {
        const { code, message: what, details } = asError(error)
        const recorded = await leaveWord(message, code)
        throw new ConclaveError(code, what, { ...details, recorded }, { cause: error })
      }
    },
    async review(caseId, review) {
      const { reviewer, decision, reason } = review
      await store.review(caseId, review, new Date())
      await audit?.append('decision', {
        case: caseId,
        reviewer,
        decision,
        reason: mac('reason', reason),
      })
    },
  }
}

function overloaded(): ConclaveError {
  return new ConclaveError(
    'overloaded',
    'Expected room for one more text to examine, but too many wait. It was not examined; give ' +
      'the rules less work, or `waiting` more room.',
  )
}

/** Databases throw errors of their own. */
function asError(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  return new ConclaveError(
    'io_error',
    `Expected the case store to answer, but it says: ${(error as Error).message}.`,
  )
}

/** Hours that the longest of the windows looks back. */
function longestWindow({ rules }: RuleBook): number {
  return Math.max(0, ...rules.map(({ when }) => ('hours' in when ? when.hours : 0)))
}

/** Of the slowest text they take half a millisecond. */
const unitsAtATime = 128

/** What the guard knows in a text that may be long. */
function* matchesOf(guard: Guard, text: string): Slices<readonly GuardMatch[]> {
  const filter = openFilter(guard, 'output')
  for (let at = 0; at < text.length; at += unitsAtATime) {
    filter.push(text.slice(at, at + unitsAtATime))
    yield
  }
  filter.end()
  return filter.matches
}

/** The text around a hit with everything masked that the guard knows. */
function maskedExcerpt(
  text: string,
  matches: readonly GuardMatch[],
  start: number,
  end: number,
): string {
  const from = wholeUnit(text, Math.max(0, start - around))
  const to = wholeUnit(text, Math.min(text.length, end + around))
  let out = from > 0 ? '…' : ''
  let at = from
  for (
    let i = firstEndingBehind(matches, from);
    i < matches.length && matches[i]!.start < to;
    i++
  ) {
    const match = matches[i]!
    // A match that reaches over the edge is masked whole.
    out += `${text.slice(at, Math.max(at, match.start))}[${categoryTags[match.category]}]`
    at = Math.max(at, match.end)
  }
  return out + text.slice(at, Math.max(at, to)) + (to < text.length ? '…' : '')
}

/** Not between the halves of a surrogate pair. */
const wholeUnit = (text: string, at: number): number =>
  /[\ud800-\udbff]/.test(text[at - 1] ?? '') ? at - 1 : at
