/**
 * Cases → a report that a person completes and files.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { CaseDetail } from './case.ts'
import {
  notice,
  type OpenField,
  type Report,
  type ReportKind,
  type ReportSubmitter,
  type ReportSystem,
  regimeOf,
  reportSchemas,
} from './report-schema.ts'
import { hashOf, type RuleBook } from './rule-book.ts'

export interface ReportOptions {
  kind: ReportKind
  cases: readonly CaseDetail[]
  book: RuleBook
  from: Date
  to: Date
  /** Whoever answers for it; what is left out says so. */
  submitter: Pick<ReportSubmitter, 'person' | 'position' | 'entity'> &
    Partial<Record<'identifier' | 'address' | 'contact', string>>
  engineVersion: string
  /** The model whose texts were watched, and the SHA-256 of its weights; the schema says of what. */
  model?: ReportSystem['model'] | undefined
  /** The guard's policy, as it was given. */
  policy?: unknown
  auditHead?: ReportSystem['auditHead']
  /** Default: now. */
  now?: Date
}

const unknown: OpenField = {
  value: 'NA',
  reason: 'Not known to the program; the filer completes it.',
}
const given = (value: string | undefined): OpenField => (value ? { value } : unknown)
const tally = (values: readonly string[]): Record<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Object.fromEntries(counts)
}
const unique = (values: readonly string[]): string[] => [...new Set(values)]

/**
 * Builds a report of the kind `stor`, `sar` or `pboc`. Throws `invalid_request` where a case is
 * of the other regime.
 * @example
 * const report = buildReport({ kind: 'sar', cases, book, from, to, submitter, engineVersion })
 * writeFileSync('sar.html', reportPage(report))
 */
export function buildReport(options: ReportOptions): Report {
  const { kind, cases } = options
  const regime = regimeOf(kind)
  const foreign = cases.find(one => one.regime !== regime)
  if (foreign !== undefined)
    throw new ConclaveError(
      'invalid_request',
      `Expected cases of ${regime} for a report of the kind ${kind}, but ${foreign.id} is of ` +
        `${foreign.regime}. Leave it out.`,
      { case: foreign.id },
    )
  const shapes = { stor, sar, pboc }
  return reportSchemas[kind].parse({
    schema: `conclave/report-${kind}/1`,
    ...basis(options),
    ...shapes[kind](options),
  })
}

function basis(options: ReportOptions) {
  const { book, submitter, from, to, now = new Date() } = options
  const { person, position, entity, identifier, address, contact } = submitter
  const explanations = new Map(book.rules.map(rule => [rule.id, rule.explanation]))
  return {
    notice,
    createdAt: now.toISOString(),
    period: { from: from.toISOString(), to: to.toISOString() },
    submitter: {
      ...{ person, position, entity },
      identifier: given(identifier),
      address: given(address),
      contact: given(contact),
    },
    system: {
      engineVersion: options.engineVersion,
      model: options.model ?? null,
      guardPolicySha256: options.policy === undefined ? null : hashOf(options.policy),
      ruleBook: { version: book.version, sha256: hashOf(book) },
      auditHead: options.auditHead ?? null,
    },
    totals: totals(options.cases, now),
    cases: options.cases.map(one => ({
      id: one.id,
      subject: one.subject,
      status: one.status,
      openedAt: one.openedAt,
      deadline: one.deadline,
      decidedAt: one.decidedAt,
      evidence: one.hitList.map(({ id: _, book: __, ...hit }) => ({
        ...hit,
        explanation: explanations.get(hit.rule) ?? 'A rule of another rule book.',
      })),
      reviews: one.reviews,
    })),
  }
}

function totals(cases: readonly CaseDetail[], now: Date) {
  const hits = cases.flatMap(one => one.hitList)
  const decided = cases.filter(one => one.status !== 'open')
  const dismissed = decided.filter(one => one.status === 'dismissed').length
  return {
    cases: cases.length,
    hits: hits.length,
    byRule: tally(hits.map(hit => hit.rule)),
    byStatus: tally(cases.map(one => one.status)),
    byAction: tally(hits.map(hit => hit.action)),
    dismissedShare: decided.length === 0 ? null : dismissed / decided.length,
    overdue: cases.filter(one => one.status === 'open' && one.deadline < now.toISOString()).length,
  }
}

const reasonsOf = ({ cases, book }: ReportOptions): string[] =>
  unique(
    cases.flatMap(one =>
      one.hitList.map(({ rule }) => {
        const found = book.rules.find(other => other.id === rule)
        return `${rule}: ${found?.explanation ?? 'a rule of another rule book'}`
      }),
    ),
  )

function stor(options: ReportOptions) {
  const entries = options.cases.flatMap(one => one.hitList.flatMap(hit => hit.entries))
  return {
    transaction: {
      instruments: unique(entries),
      venue: unknown,
      datesAndTimes: unknown,
      pricesAndVolumes: unknown,
      orderIds: unknown,
    },
    suspicion: { nature: 'Insider dealing or unlawful disclosure', reasons: reasonsOf(options) },
    persons: unique(options.cases.map(one => one.subject)).map(pseudonym => ({
      pseudonym,
      identity: unknown,
      account: unknown,
      relationToIssuer: unknown,
      insiderList: unknown,
    })),
    additional: unknown,
  }
}

const filingDays = 30
const dayMs = 86_400_000

function sar(options: ReportOptions) {
  const { cases } = options
  const times = cases.flatMap(one => one.hitList.map(hit => hit.at)).toSorted()
  const [first = null, last = null] = [times[0], times.at(-1)]
  const subjects = unique(cases.map(one => one.subject))
  const rules = unique(cases.flatMap(one => one.hitList.map(hit => hit.rule)))
  return {
    subjects: subjects.map(pseudonym => ({ pseudonym, identity: unknown, account: unknown })),
    activity: { types: rules, from: first, to: last, amount: unknown, place: unknown },
    narrative: {
      who: subjects.join(', ') || 'nobody',
      what: reasonsOf(options).join(' '),
      when: first === null ? 'never' : `${first} to ${last}`,
      where: 'In messages to and answers of a language model; see the request ids.',
      why: 'The rules named above held; see the masked evidence of each case.',
      how: 'Words, sums and names in the messages were compared with the rule book.',
      analyst: unknown,
    },
    fileBy: first === null ? null : new Date(Date.parse(first) + filingDays * dayMs).toISOString(),
    confidentiality: 'Nobody who is named here may learn that this report exists.',
  }
}

const ofTransactions = new Set(['aml.structuring', 'aml.in_and_out', 'aml.threshold_talk'])

function pboc(options: ReportOptions) {
  const { cases, book } = options
  const reasons = reasonsOf(options)
  const isTransaction = (reason: string) => ofTransactions.has(reason.split(':')[0]!)
  const reviews = cases.flatMap(one => one.reviews.map(review => ({ case: one.id, ...review })))
  return {
    subjects: unique(cases.map(one => one.subject)).map(pseudonym => ({
      pseudonym,
      identityFeatures: unknown,
    })),
    transactionFeatures: reasons.filter(isTransaction),
    behaviourFeatures: reasons.filter(reason => !isTransaction(reason)),
    manualAnalysis: reviews
      .filter(review => review.decision !== 'dismissed')
      .map(review => ({
        case: review.case,
        analyst: review.reviewer,
        at: review.at,
        opinion: review.reason,
      })),
    exclusions: reviews
      .filter(review => review.decision === 'dismissed')
      .map(({ case: id, reviewer, reason }) => ({ case: id, analyst: reviewer, reason })),
    monitoringStandard: { version: book.version, sha256: hashOf(book), reviewedAt: unknown },
  }
}
