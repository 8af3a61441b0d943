/**
 * SQLite for kysely, over WebAssembly: nothing is compiled, and Node 20 can run it.
 *
 * Its locks are a folder beside the file, which a killed process leaves behind and which hides a
 * journal that should be rolled back. So one process owns the file (`disk/owner-file.ts`), the database
 * is opened exclusively, and the journal is a write-ahead log: what was committed was synced, and
 * what was not is gone.
 * @module
 */
import { rmSync } from 'node:fs'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import type { Database as WasmDatabase } from 'node-sqlite3-wasm'
import { takeOwnership } from '../disk/owner-file.ts'
import { ConclaveError } from '../errors.ts'
import { optional } from './optional.ts'

type Value = string | number | bigint | Uint8Array | null

/** Statements run one after the other: the engine is synchronous. */
class Connection implements DatabaseConnection {
  readonly #database: WasmDatabase

  constructor(database: WasmDatabase) {
    this.#database = database
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const values = parameters as Value[]
      if (/^\s*(?:select|with|pragma)|\breturning\b/i.test(sql))
        return { rows: this.#database.all(sql, values) as R[] }
      const { changes } = this.#database.run(sql, values)
      return { rows: [], numAffectedRows: BigInt(changes) }
    } catch (error) {
      throw storeError(error)
    }
  }

  // biome-ignore lint/correctness/useYield: nothing here reads row by row
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new ConclaveError('engine_failed', 'Expected whole results; rows are not streamed.')
  }
}

/** One connection; whoever asks while it is taken waits. */
class OneConnection implements Driver {
  readonly #open: () => WasmDatabase
  readonly #close: () => void
  #connection: Connection | undefined
  #queue: Promise<void> = Promise.resolve()
  #next: (() => void) | undefined

  constructor(open: () => WasmDatabase, close: () => void) {
    this.#open = open
    this.#close = close
  }

  async init(): Promise<void> {
    this.#connection = new Connection(this.#open())
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#queue
    let done = () => {}
    this.#queue = new Promise(resolve => {
      done = resolve
    })
    await before
    this.#next = done
    return this.#connection!
  }

  async releaseConnection(): Promise<void> {
    this.#next?.()
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(raw('begin immediate'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(raw('rollback'))
  }

  async destroy(): Promise<void> {
    this.#close()
  }
}

const raw = (sql: string): CompiledQuery =>
  ({ sql, parameters: [], query: { kind: 'RawNode' } }) as unknown as CompiledQuery

/** A dialect over the file at `path`, which this process then owns. */
export async function sqliteDialect(path: string): Promise<Dialect> {
  const { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } = await optional(
    'kysely',
    () => import('kysely'),
  )
  const wasm = await optional('node-sqlite3-wasm', () => import('node-sqlite3-wasm'))
  const { Database } = 'default' in wasm ? (wasm.default as typeof wasm) : wasm
  let database: WasmDatabase | undefined
  let giveBack = () => {}
  const open = () => {
    giveBack = takeOwnership(`${path}.owner`)
    try {
      rmSync(`${path}.lock`, { recursive: true, force: true })
      database = new Database(path)
      for (const pragma of ['locking_mode=exclusive', 'journal_mode=wal', 'synchronous=full'])
        database.get(`pragma ${pragma}`)
      return database
    } catch (error) {
      giveBack()
      throw storeError(error)
    }
  }
  const close = () => {
    database?.close()
    giveBack()
  }
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new OneConnection(open, close),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

function storeError(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  const { message } = error as Error
  return new ConclaveError(
    /disk is full/i.test(message) ? 'disk_full' : 'io_error',
    `Expected the case store to answer, but SQLite says: ${message}. Check the disk and the file.`,
    {},
    { cause: error },
  )
}
