/**
 * The one schema of the case store, for SQLite and PostgreSQL. Moments are ISO 8601 in UTC, so
 * that they sort as text; lists are JSON.
 * @module
 */
import type { Kysely } from 'kysely'

interface CaseRow {
  id: string
  regime: string
  /** A pseudonym. */
  subject: string
  status: string
  opened_at: string
  updated_at: string
  deadline: string
  score: number
  hits: number
  reviewer: string | null
  reason: string | null
  decided_at: string | null
}

interface HitRow {
  id: string
  case_id: string
  rule: string
  book: string
  request_id: string
  direction: string
  at: string
  score: number
  start_offset: number
  end_offset: number
  /** Masked text around the hit. */
  excerpt: string
  entries: string
  action: string
  /** Salted hash of the whole text. */
  text_hash: string
}

interface ReviewRow {
  id: string
  case_id: string
  at: string
  reviewer: string
  decision: string
  reason: string
}

interface ObservationRow {
  id: string
  subject: string
  rule: string
  kind: string
  at: string
  amount: number
}

interface MetaRow {
  name: string
  value: string
}

export interface Tables {
  conclave_cases: CaseRow
  conclave_hits: HitRow
  conclave_reviews: ReviewRow
  conclave_observations: ObservationRow
  conclave_meta: MetaRow
}

export type Database = Kysely<Tables>

/** Of the tables; a later one is refused. */
export const schemaVersion = 1

type Columns = readonly (readonly [string, 'text' | 'text?' | 'integer' | 'double precision'])[]

const hitColumns: Columns = [
  ['case_id', 'text'],
  ['rule', 'text'],
  ['book', 'text'],
  ['request_id', 'text'],
  ['direction', 'text'],
  ['at', 'text'],
  ['score', 'double precision'],
  ['start_offset', 'integer'],
  ['end_offset', 'integer'],
  ['excerpt', 'text'],
  ['entries', 'text'],
  ['action', 'text'],
  ['text_hash', 'text'],
]
const caseColumns: Columns = [
  ['regime', 'text'],
  ['subject', 'text'],
  ['status', 'text'],
  ['opened_at', 'text'],
  ['updated_at', 'text'],
  ['deadline', 'text'],
  ['score', 'double precision'],
  ['hits', 'integer'],
  ['reviewer', 'text?'],
  ['reason', 'text?'],
  ['decided_at', 'text?'],
]
const reviewColumns: Columns = [
  ['case_id', 'text'],
  ['at', 'text'],
  ['reviewer', 'text'],
  ['decision', 'text'],
  ['reason', 'text'],
]
const observationColumns: Columns = [
  ['subject', 'text'],
  ['rule', 'text'],
  ['kind', 'text'],
  ['at', 'text'],
  ['amount', 'double precision'],
]

async function table(db: Database, name: string, key: string, columns: Columns): Promise<void> {
  let builder = db.schema.createTable(name).ifNotExists()
  builder = builder.addColumn(key, 'text', column => column.primaryKey())
  for (const [column, type] of columns) {
    const plain = type === 'text?' ? 'text' : type
    builder = builder.addColumn(column, plain, made => (type === 'text?' ? made : made.notNull()))
  }
  await builder.execute()
}

/** Makes the tables where they are missing, and says of which version they are. */
export async function makeTables(db: Database): Promise<number> {
  await table(db, 'conclave_meta', 'name', [['value', 'text']])
  await table(db, 'conclave_cases', 'id', caseColumns)
  await table(db, 'conclave_hits', 'id', hitColumns)
  await table(db, 'conclave_reviews', 'id', reviewColumns)
  await table(db, 'conclave_observations', 'id', observationColumns)
  // One case of a subject and regime is open at a time, whichever server opens it.
  await db.schema
    .createIndex('conclave_one_open_case')
    .ifNotExists()
    .on('conclave_cases')
    .columns(['subject', 'regime'])
    .unique()
    .where('status' as never, '=', 'open')
    .execute()
  for (const [name, columns] of [
    ['conclave_hits', ['case_id']],
    ['conclave_reviews', ['case_id']],
    ['conclave_observations', ['subject', 'rule', 'kind', 'at']],
  ] as const)
    await db.schema
      .createIndex(`${name}_by_${columns[0]}`)
      .ifNotExists()
      .on(name)
      .columns([...columns])
      .execute()
  await db
    .insertInto('conclave_meta')
    .values({ name: 'schema', value: String(schemaVersion) })
    .onConflict(conflict => conflict.column('name').doNothing())
    .execute()
  const row = await db
    .selectFrom('conclave_meta')
    .select('value')
    .where('name', '=', 'schema')
    .executeTakeFirstOrThrow()
  return Number(row.value)
}
