/**
 * What reports look like. The JSON schemas in `schemas/` are made of this.
 * @module
 */
import { z } from 'zod'
import { decisions, statuses } from './case.ts'
import type { Regime } from './rule-book.ts'

/** Stands in every report. */
export const notice =
  'This report was put together by a program. It supports a decision; it makes none. A person ' +
  'examines it, decides, completes what is missing and files it.'

const weightsMeaning =
  'Of a model in one file the SHA-256 of the file. Of several files the SHA-256 of their SHA-256 ' +
  'in lower-case hexadecimal, sorted, each followed by a line feed: sha256sum *.safetensors | ' +
  'cut -c-64 | LC_ALL=C sort | sha256sum. The server reads every byte, once after each start; ' +
  'otherwise whoever runs it gave the value.'
const moment = z.iso.datetime()
/** What no program knows: the filer writes it. */
const open = z.union([
  z.strictObject({ value: z.string().min(1) }),
  z.strictObject({ value: z.literal('NA'), reason: z.string().min(1) }),
])

const evidence = z.strictObject({
  rule: z.string(),
  explanation: z.string(),
  at: moment,
  requestId: z.string(),
  direction: z.enum(['input', 'output']),
  score: z.number(),
  start: z.int(),
  end: z.int(),
  excerpt: z.string(),
  entries: z.array(z.string()),
  action: z.string(),
  textHash: z.string(),
})
const review = z.strictObject({
  at: moment,
  reviewer: z.string(),
  decision: z.enum(decisions),
  reason: z.string(),
})
const caseSchema = z.strictObject({
  id: z.string(),
  subject: z.string(),
  status: z.enum(statuses),
  openedAt: moment,
  deadline: moment,
  decidedAt: moment.nullable(),
  evidence: z.array(evidence),
  reviews: z.array(review),
})

const base = {
  notice: z.literal(notice),
  createdAt: moment,
  period: z.strictObject({ from: moment, to: moment }),
  submitter: z.strictObject({
    person: z.string().min(1),
    position: z.string().min(1),
    entity: z.string().min(1),
    identifier: open,
    address: open,
    contact: open,
  }),
  system: z.strictObject({
    engineVersion: z.string(),
    model: z
      .strictObject({ name: z.string(), weightsSha256: z.string().describe(weightsMeaning) })
      .nullable(),
    guardPolicySha256: z.string().nullable(),
    ruleBook: z.strictObject({ version: z.string(), sha256: z.string() }),
    auditHead: z.strictObject({ seq: z.int(), hash: z.string() }).nullable(),
  }),
  totals: z.strictObject({
    cases: z.int(),
    hits: z.int(),
    byRule: z.record(z.string(), z.int()),
    byStatus: z.record(z.string(), z.int()),
    byAction: z.record(z.string(), z.int()),
    /** Decided cases that a person dismissed. */
    dismissedShare: z.number().nullable(),
    overdue: z.int(),
  }),
  cases: z.array(caseSchema),
}

/** Shaped after the annex of Delegated Regulation (EU) 2016/957. */
const storSchema = z.strictObject({
  schema: z.literal('conclave/report-stor/1'),
  ...base,
  transaction: z.strictObject({
    instruments: z.array(z.string()),
    venue: open,
    datesAndTimes: open,
    pricesAndVolumes: open,
    orderIds: open,
  }),
  suspicion: z.strictObject({ nature: z.string(), reasons: z.array(z.string()) }),
  persons: z.array(
    z.strictObject({
      pseudonym: z.string(),
      identity: open,
      account: open,
      relationToIssuer: open,
      insiderList: open,
    }),
  ),
  additional: open,
})

/** Shaped after FinCEN's form 111. */
const sarSchema = z.strictObject({
  schema: z.literal('conclave/report-sar/1'),
  ...base,
  subjects: z.array(z.strictObject({ pseudonym: z.string(), identity: open, account: open })),
  activity: z.strictObject({
    types: z.array(z.string()),
    from: moment.nullable(),
    to: moment.nullable(),
    amount: open,
    place: open,
  }),
  narrative: z.strictObject({
    who: z.string(),
    what: z.string(),
    when: z.string(),
    where: z.string(),
    why: z.string(),
    how: z.string(),
    analyst: open,
  }),
  /** 30 days from the first hit, 60 where no subject is known. */
  fileBy: moment.nullable(),
  confidentiality: z.literal('Nobody who is named here may learn that this report exists.'),
})

/** Shaped after PBoC Order [2016] No. 3. */
const pbocSchema = z.strictObject({
  schema: z.literal('conclave/report-pboc/1'),
  ...base,
  subjects: z.array(z.strictObject({ pseudonym: z.string(), identityFeatures: open })),
  transactionFeatures: z.array(z.string()),
  behaviourFeatures: z.array(z.string()),
  manualAnalysis: z.array(
    z.strictObject({ case: z.string(), analyst: z.string(), at: moment, opinion: z.string() }),
  ),
  exclusions: z.array(
    z.strictObject({ case: z.string(), analyst: z.string(), reason: z.string() }),
  ),
  monitoringStandard: z.strictObject({ version: z.string(), sha256: z.string(), reviewedAt: open }),
})

export const reportSchemas = { stor: storSchema, sar: sarSchema, pboc: pbocSchema } as const

export type ReportKind = keyof typeof reportSchemas
export const reportKinds = Object.keys(reportSchemas) as [ReportKind, ...ReportKind[]]

/** Whose cases a report of a kind is about. */
export const regimeOf = (kind: ReportKind): Regime =>
  kind === 'stor' ? 'insider_dealing' : 'money_laundering'
type StorReport = z.infer<typeof storSchema>
type SarReport = z.infer<typeof sarSchema>
type PbocReport = z.infer<typeof pbocSchema>
export type Report = StorReport | SarReport | PbocReport
export type OpenField = z.infer<typeof open>
export type ReportSystem = StorReport['system']
export type ReportSubmitter = StorReport['submitter']

/** The published JSON schema of a kind of report. */
export const jsonSchemaOf = (kind: ReportKind): object => z.toJSONSchema(reportSchemas[kind])
