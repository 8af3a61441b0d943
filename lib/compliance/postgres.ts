/**
 * PostgreSQL for kysely: one case store for several servers.
 * @module
 */
import type { Dialect } from 'kysely'
import { optional } from './optional.ts'

/** A dialect over the database of `connectionString`; at most `connections` at a time. */
export async function postgresDialect(
  connectionString: string,
  connections: number,
): Promise<Dialect> {
  const { PostgresDialect } = await optional('kysely', () => import('kysely'))
  const pg = await optional('pg', () => import('pg'))
  const pool = new pg.default.Pool({ connectionString, max: connections })
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on('error', () => {})
  return new PostgresDialect({ pool })
}
