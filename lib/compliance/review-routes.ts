/**
 * The review page and its data as one `fetch` handler, for any server.
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { ConclaveError } from '../errors.ts'
import { type CaseDetail, decisions, statuses } from './case.ts'
import { cursorOf } from './case-store.ts'
import type { Compliance } from './compliance.ts'
import { buildReport, type ReportOptions } from './report.ts'
import { reportPage } from './report-page.ts'
import { type ReportKind, regimeOf, reportKinds } from './report-schema.ts'
import { reviewPage } from './review-page.ts'

export interface ReviewOptions {
  compliance: Compliance
  /** Whoever has one of these may read and decide; each has at least 16 characters. */
  keys: readonly string[]
  /** Where the page lies. Default `/review`. */
  path?: string
  /** What reports say of the filer and the system. */
  report: Pick<ReportOptions, 'submitter' | 'engineVersion' | 'model' | 'policy'> & {
    /** In place of `model` where it is not known yet: a report waits for it. */
    modelLater?: () => Promise<ReportOptions['model']>
  }
}

/** Answers requests under its path; undefined for any other. */
export type ReviewRoutes = (request: Request) => Promise<Response | undefined>

const shortestKey = 16
const mostBody = 16_384
/** In one answer. */
const mostCases = 500
const reviewBody = z.strictObject({
  reviewer: z.string().min(1).max(200),
  decision: z.enum(decisions),
  reason: z.string().min(1).max(4000),
})
const querySchema = z.object({
  status: z.enum(statuses).optional(),
  kind: z.enum(reportKinds).optional(),
  format: z.enum(['html', 'json']).optional(),
  limit: z.coerce.number().int().min(1).max(mostCases).default(100),
  after: z.string().max(128).optional(),
})

const sameHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
}

/**
 * Makes the handler. The page itself holds no data; each request for data needs a key as a bearer
 * token. Throws `invalid_request` where no key is given.
 * @example
 * const review = reviewRoutes({ compliance, keys: [key], report: { submitter, engineVersion } })
 * const response = (await review(request)) ?? (await app.fetch(request))
 */
export function reviewRoutes(options: ReviewOptions): ReviewRoutes {
  const { keys, path = '/review' } = options
  if (keys.length === 0 || keys.some(key => key.length < shortestKey))
    throw new ConclaveError(
      'invalid_request',
      `Expected keys of at least ${shortestKey} characters for the review page. Give one.`,
    )
  const hashes = keys.map(digest)
  return async request => {
    const { pathname } = new URL(request.url)
    if (pathname !== path && !pathname.startsWith(`${path}/`)) return undefined
    const rest = pathname.slice(path.length + 1)
    try {
      if (rest === '') return request.method === 'GET' ? page() : refuse(405, 'GET is expected.')
      if (!isAllowed(request, hashes)) return refuse(401, 'Give the key as a bearer token.')
      return await answer(options, request, rest)
    } catch (error) {
      return failed(error)
    }
  }
}

const digest = (key: string): Buffer => createHash('sha256').update(key).digest()

function isAllowed(request: Request, hashes: readonly Buffer[]): boolean {
  const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
  const given = digest(token)
  return hashes.reduce((found, one) => timingSafeEqual(one, given) || found, false)
}

function page(): Response {
  const nonce = randomBytes(16).toString('base64')
  const policy =
    `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; ` +
    `connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`
  return new Response(reviewPage(nonce), {
    headers: {
      ...sameHeaders,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
    },
  })
}

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), {
    status,
    headers: { ...sameHeaders, 'content-type': 'application/json' },
  })

const refuse = (status: number, message: string): Response => json({ error: { message } }, status)

function failed(error: unknown): Response {
  if (!(error instanceof ConclaveError)) return refuse(500, 'The case store did not answer.')
  return refuse(error.code === 'invalid_request' ? 400 : 503, error.message)
}

async function answer(options: ReviewOptions, request: Request, rest: string): Promise<Response> {
  const { compliance } = options
  const query = readQuery(request)
  if (query === undefined) return refuse(400, 'The query has a value that is not known.')
  if (rest === 'api/cases') return queue(compliance, query)
  if (rest === 'metrics') return metrics(compliance)
  if (rest === 'api/report') return report(options, query.kind ?? 'stor', query.format ?? 'json')
  const [, id, action] = /^api\/cases\/([\w-]{1,64})(\/review)?$/.exec(rest) ?? []
  if (id === undefined) return refuse(404, 'There is no such page.')
  if (action === undefined) {
    const one = await compliance.store.get(id)
    return one === undefined ? refuse(404, 'There is no such case.') : json(explained(options, one))
  }
  return decide(compliance, request, id)
}

/** A page of the queue; `next`: the cursor of the one behind it, null: there is none. */
async function queue(compliance: Compliance, { status, after, limit }: Query): Promise<Response> {
  const { store } = compliance
  const filter = { ...(status && { status }), ...(after && { after }) }
  const found = await store.list({ ...filter, limit: limit + 1 })
  const cases = found.slice(0, limit)
  const next = found.length > limit ? cursorOf(cases.at(-1)!) : null
  return json({ cases, next, texts: compliance.counts() })
}

/** For Prometheus, behind the key: the server's own metrics are for whoever may ask the model. */
function metrics(compliance: Compliance): Response {
  const { examined, unexamined, waiting } = compliance.counts()
  const lines = [
    '# HELP conclave:compliance_texts_total Texts by what became of them',
    '# TYPE conclave:compliance_texts_total counter',
    `conclave:compliance_texts_total{outcome="examined"} ${examined}`,
    `conclave:compliance_texts_total{outcome="unexamined"} ${unexamined}`,
    '# HELP conclave:compliance_texts_waiting Texts that wait to be examined',
    '# TYPE conclave:compliance_texts_waiting gauge',
    `conclave:compliance_texts_waiting ${waiting}`,
  ]
  const headers = { ...sameHeaders, 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return new Response(`${lines.join('\n')}\n`, { headers })
}

type Query = z.infer<typeof querySchema>

function readQuery(request: Request) {
  const pairs = [...new URL(request.url).searchParams].filter(([, value]) => value !== '')
  return querySchema.safeParse(Object.fromEntries(pairs)).data
}

async function decide(compliance: Compliance, request: Request, id: string): Promise<Response> {
  const type = request.headers.get('content-type') ?? ''
  if (request.method !== 'POST' || !type.startsWith('application/json'))
    return refuse(405, 'A POST of application/json is expected.')
  const text = await boundedText(request)
  if (text === undefined) return refuse(413, 'The body is too long.')
  const body = reviewBody.safeParse(parsed(text))
  if (!body.success) return refuse(400, 'Expected a reviewer, a decision and a reason.')
  await compliance.review(id, body.data)
  return json(await compliance.store.get(id))
}

/** The text of a body; undefined once it is longer than any decision. */
async function boundedText({ body, headers }: Request): Promise<string | undefined> {
  if (Number(headers.get('content-length') ?? 0) > mostBody) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > mostBody) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function explained({ compliance }: ReviewOptions, one: CaseDetail) {
  const rules = new Map(compliance.book.rules.map(rule => [rule.id, rule.explanation]))
  const hitList = one.hitList.map(hit => ({ ...hit, explanation: rules.get(hit.rule) ?? '' }))
  return { ...one, hitList }
}

/** A report over the cases of its regime. */
async function report(
  { compliance, report: { modelLater, ...parts } }: ReviewOptions,
  kind: ReportKind,
  format: 'html' | 'json',
): Promise<Response> {
  const cases = await compliance.store.details(regimeOf(kind))
  const now = new Date()
  const opened = cases.map(one => one.openedAt).toSorted()[0]
  const made = buildReport({
    ...parts,
    model: parts.model ?? (await modelLater?.()),
    kind,
    book: compliance.book,
    cases,
    from: opened === undefined ? now : new Date(opened),
    to: now,
    auditHead: compliance.audit?.head ?? null,
    now,
  })
  await compliance.audit?.append('report', { kind, cases: cases.length })
  if (format === 'json') return json(made)
  const headers = { ...sameHeaders, 'content-type': 'text/html; charset=utf-8' }
  return new Response(reportPage(made), { headers })
}
