/**
 * Opens a case store.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { CaseStore } from './case-store.ts'
import { optional } from './optional.ts'
import { postgresDialect } from './postgres.ts'
import { sqliteDialect } from './sqlite.ts'
import { makeTables, schemaVersion, type Tables } from './tables.ts'

/** Where cases live: a file of one server, or a PostgreSQL database of several. */
export type StoreOptions =
  | {
      /** Made where it is missing. One process at a time. */
      sqlite: string
    }
  | {
      /** `postgres://user:password@host/database`. */
      postgres: string
      /** At a time. Default 4. */
      connections?: number
    }

/**
 * Opens a case store; its tables are made where they are missing. `kysely` and `node-sqlite3-wasm`
 * or `pg` must be installed. Throws `invalid_request`, `io_error` or `disk_full`.
 * @example
 * const cases = await openCaseStore({ sqlite: 'cases.db' })
 * console.log(await cases.list({ status: 'open' }))
 */
export async function openCaseStore(options: StoreOptions): Promise<CaseStore> {
  const { Kysely } = await optional('kysely', () => import('kysely'))
  const dialect =
    'sqlite' in options
      ? await sqliteDialect(options.sqlite)
      : await postgresDialect(options.postgres, options.connections ?? 4)
  const db = new Kysely<Tables>({ dialect })
  try {
    const version = await makeTables(db)
    if (version > schemaVersion)
      throw new ConclaveError(
        'unsupported_format',
        `Expected a case store of version ${schemaVersion}, but this one is of version ` +
          `${version}. Use a newer Conclave.`,
        { version },
      )
  } catch (error) {
    await db.destroy()
    throw asStoreError(error)
  }
  return new CaseStore(db)
}

function asStoreError(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  const { message } = error as Error
  return new ConclaveError(
    'io_error',
    `Expected to open the case store, but the database says: ${message}. Check where it is.`,
    {},
    { cause: error },
  )
}
