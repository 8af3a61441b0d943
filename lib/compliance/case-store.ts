/**
 * Cases in a database: opened and extended by hits, decided by people.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { ConclaveError } from '../errors.ts'
import { nextTurn } from '../slices.ts'
import {
  type Case,
  type CaseDetail,
  type CaseHit,
  type CaseReview,
  decisions,
  readCase,
  readHit,
} from './case.ts'
import type { Observation, Windows } from './evaluate.ts'
import type { Regime } from './rule-book.ts'
import type { Database, Tables } from './tables.ts'

/** A hit as it is kept: what was found is not in it. */
export interface NewHit extends Omit<CaseHit, 'id' | 'at'> {
  readonly regime: Regime
  readonly deadlineDays: number
}

/** Which cases are listed. */
export interface CaseFilter {
  status?: Case['status']
  regime?: Regime
  /** Opened at or after. */
  from?: Date
  /** Opened before. */
  to?: Date
  /** Default 100, at most 1000. */
  limit?: number
  /** Only cases behind this one in the order of the list; what {@link cursorOf} gave of it. */
  after?: string
}

/** Where a case stands in a list: what {@link CaseFilter.after} takes. */
export const cursorOf = ({ deadline, id }: Case): string => `${deadline}_${id}`

/** What a person decides of a case. */
export interface Review {
  reviewer: string
  decision: CaseReview['decision']
  /** Why, in words; a decision without one is refused. */
  reason: string
}

const dayMs = 86_400_000
const hourMs = 3_600_000
const longestText = 4000
/** Read together; a statement has a bound of its parameters. */
const casesAtOnce = 500
const rowsAtOnce = 200

export class CaseStore {
  readonly #db: Database

  /** @internal */
  constructor(db: Database) {
    this.#db = db
  }

  /** Puts the hits of one subject into its open cases; gives the ids of the cases. */
  async addHits(subject: string, hits: readonly NewHit[], at: Date): Promise<string[]> {
    if (hits.length === 0) return []
    return this.#db.transaction().execute(async db => {
      const ids: string[] = []
      for (const hit of hits) ids.push(await this.#addHit(db, subject, hit, at.toISOString()))
      return ids
    })
  }

  async #addHit(db: Database, subject: string, hit: NewHit, at: string): Promise<string> {
    const { regime, deadlineDays, score, start, end, entries, requestId, textHash, ...rest } = hit
    const deadline = new Date(Date.parse(at) + deadlineDays * dayMs).toISOString()
    const opened = { opened_at: at, updated_at: at, deadline, score, hits: 0 }
    const undecided = { status: 'open', reviewer: null, reason: null, decided_at: null }
    const fresh = { id: randomUUID(), regime, subject, ...opened, ...undecided }
    const caseId = await openCase(db, fresh)
    await db
      .insertInto('conclave_hits')
      .values({
        ...rest,
        id: randomUUID(),
        case_id: caseId,
        request_id: requestId,
        at,
        score,
        start_offset: start,
        end_offset: end,
        entries: JSON.stringify(entries),
        text_hash: textHash,
      })
      .execute()
    await db
      .updateTable('conclave_cases')
      .set(change => ({
        hits: change('hits', '+', 1),
        updated_at: at,
        score: change.case().when('score', '<', score).then(score).else(change.ref('score')).end(),
        deadline: change
          .case()
          .when('deadline', '>', deadline)
          .then(deadline)
          .else(change.ref('deadline'))
          .end(),
      }))
      .where('id', '=', caseId)
      .execute()
    return caseId
  }

  /** Cases, the nearest deadline first. Throws `invalid_request` for what is no cursor. */
  async list(filter: CaseFilter = {}): Promise<Case[]> {
    const { status, regime, from, to, limit = 100, after } = filter
    let query = this.#db.selectFrom('conclave_cases').selectAll()
    if (status !== undefined) query = query.where('status', '=', status)
    if (regime !== undefined) query = query.where('regime', '=', regime)
    if (from !== undefined) query = query.where('opened_at', '>=', from.toISOString())
    if (to !== undefined) query = query.where('opened_at', '<', to.toISOString())
    if (after !== undefined) {
      const [, deadline, id] = /^([\d:.TZ-]{20,40})_([\w-]{1,64})$/.exec(after) ?? []
      if (deadline === undefined || id === undefined) throw invalid('a cursor of a list', after)
      query = query.where(where =>
        where.or([
          where('deadline', '>', deadline),
          where.and([where('deadline', '=', deadline), where('id', '>', id)]),
        ]),
      )
    }
    const rows = await query
      .orderBy('deadline')
      .orderBy('id')
      .limit(Math.max(1, Math.min(1000, limit)))
      .execute()
    return rows.map(readCase)
  }

  /** One case with its hits and reviews; undefined where there is none. */
  async get(id: string): Promise<CaseDetail | undefined> {
    const rows = await this.#db
      .selectFrom('conclave_cases')
      .selectAll()
      .where('id', '=', id)
      .execute()
    return (await this.#withDetails(rows))[0]
  }

  /** Every case of a regime with its hits and reviews, the nearest deadline first. */
  async details(regime: Regime): Promise<CaseDetail[]> {
    const found: CaseDetail[] = []
    for (let after = ''; ; ) {
      // By id: a deadline may change while pages are read.
      const rows = await this.#db
        .selectFrom('conclave_cases')
        .selectAll()
        .where('regime', '=', regime)
        .where('id', '>', after)
        .orderBy('id')
        .limit(casesAtOnce)
        .execute()
      for (const one of await this.#withDetails(rows)) found.push(one)
      if (rows.length < casesAtOnce) break
      after = rows.at(-1)!.id
    }
    const key = ({ deadline, id }: Case) => `${deadline} ${id}`
    return found.sort((a, b) => (key(a) < key(b) ? -1 : 1))
  }

  /** Two queries, however many cases. */
  async #withDetails(rows: readonly Tables['conclave_cases'][]): Promise<CaseDetail[]> {
    if (rows.length === 0) return []
    const ids = rows.map(row => row.id)
    const hits = await this.#db
      .selectFrom('conclave_hits')
      .selectAll()
      .where('case_id', 'in', ids)
      .orderBy('at')
      .orderBy('id')
      .execute()
    const reviews = await this.#db
      .selectFrom('conclave_reviews')
      .select(['case_id', 'at', 'reviewer', 'decision', 'reason'])
      .where('case_id', 'in', ids)
      .orderBy('at')
      .execute()
    const details = new Map(
      rows.map(row => [row.id, { ...readCase(row), hitList: [], reviews: [] } as CaseDetail]),
    )
    for (const row of hits) details.get(row.case_id)!.hitList.push(readHit(row))
    for (const { case_id, ...review } of reviews)
      details.get(case_id)!.reviews.push(review as CaseReview)
    return [...details.values()]
  }

  /**
   * Records a person's decision. `escalated` leaves the case open; the other two close it, and the
   * next hit opens a new one. Throws `invalid_request`.
   */
  async review(id: string, { reviewer, decision, reason }: Review, at: Date): Promise<void> {
    refuseEmpty('reviewer', reviewer)
    refuseEmpty('reason', reason)
    if (!decisions.includes(decision))
      throw invalid(`a decision: ${decisions.join(', ')}`, decision)
    const moment = at.toISOString()
    await this.#db.transaction().execute(async db => {
      const { numUpdatedRows } = await db
        .updateTable('conclave_cases')
        .set({
          reviewer,
          reason,
          updated_at: moment,
          ...(decision === 'escalated' ? {} : { status: decision, decided_at: moment }),
        })
        .where('id', '=', id)
        .where('status', '=', 'open')
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw invalid('the id of an open case', id)
      await db
        .insertInto('conclave_reviews')
        .values({ id: randomUUID(), case_id: id, at: moment, reviewer, decision, reason })
        .execute()
    })
  }

  /** What window rules remember of a subject. */
  windows(subject: string, at: Date): Windows {
    const db = this.#db
    const moment = at.toISOString()
    return {
      async add(observations: readonly Observation[]) {
        for (let i = 0; i < observations.length; i += rowsAtOnce) {
          // A database in this process answers at once.
          if (i > 0) await nextTurn()
          const few = observations.slice(i, i + rowsAtOnce)
          const rows = few.map(one => ({ ...one, id: randomUUID(), subject, at: moment }))
          await db.insertInto('conclave_observations').values(rows).execute()
        }
      },
      async since(rule, kind, hours) {
        const { count, total } = await db
          .selectFrom('conclave_observations')
          .select(of => [of.fn.countAll().as('count'), of.fn.sum('amount').as('total')])
          .where('subject', '=', subject)
          .where('rule', '=', rule)
          .where('kind', '=', kind)
          .where('at', '<=', moment)
          .where('at', '>', new Date(at.getTime() - hours * hourMs).toISOString())
          .executeTakeFirstOrThrow()
        return { count: Number(count), total: Number(total ?? 0) }
      },
    }
  }

  /** Forgets sums older than `hours`. */
  async forget(hours: number, now: Date): Promise<void> {
    await this.#db
      .deleteFrom('conclave_observations')
      .where('at', '<', new Date(now.getTime() - hours * hourMs).toISOString())
      .execute()
  }

  /** Closes the database. Idempotent. */
  async close(): Promise<void> {
    await this.#db.destroy()
  }
}

/** The id of the open case of a subject and regime: `fresh`, or one that is there. */
async function openCase(db: Database, fresh: Tables['conclave_cases']): Promise<string> {
  for (let tries = 0; tries < 5; tries++) {
    // Another server may open the same case now: the unique index lets one through.
    await db
      .insertInto('conclave_cases')
      .values(fresh)
      .onConflict(conflict => conflict.doNothing())
      .execute()
    const one = await db
      .selectFrom('conclave_cases')
      .select('id')
      .where('subject', '=', fresh.subject)
      .where('regime', '=', fresh.regime)
      .where('status', '=', 'open')
      .executeTakeFirst()
    if (one !== undefined) return one.id
    // It was decided between the two statements.
  }
  throw new ConclaveError(
    'io_error',
    'Expected to open a case, but others opened and decided it each time. Try again.',
  )
}

function refuseEmpty(name: string, value: string): void {
  if (typeof value !== 'string' || value.trim() === '' || value.length > longestText)
    throw invalid(`a ${name} of 1 to ${longestText} characters`, value)
}

function invalid(expected: string, value: unknown): ConclaveError {
  const came = JSON.stringify(value)?.slice(0, 60)
  return new ConclaveError('invalid_request', `Expected ${expected}, but got ${came}.`)
}
