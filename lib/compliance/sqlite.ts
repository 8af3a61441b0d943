/**
 * SQLite for kysely, over WebAssembly: nothing is compiled, and Node 20 can run it.
 *
 * Its locks are a folder beside the file, which a killed process leaves behind and which hides a
 * journal that should be rolled back. So one process owns the file (`disk/owner-file.ts`), the database
 * is opened exclusively, and the journal is a write-ahead log: what was committed was synced, and
 * what was not is gone.
 * @module
 */
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { takeOwnership } from '../disk/owner-file.ts'
import { ConclaveError } from '../errors.ts'
import { optional } from './optional.ts'
import { SqliteThread, type Value } from './sqlite-thread.ts'

/** Statements run one after the other. */
class Connection implements DatabaseConnection {
  readonly #thread: SqliteThread

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const values = parameters as Value[]
    if (/^\s*(?:select|with|pragma)|\breturning\b/i.test(sql))
      return { rows: (await this.#thread.all(sql, values)) as R[] }
    return { rows: [], numAffectedRows: BigInt(await this.#thread.run(sql, values)) }
  }

  // biome-ignore lint/correctness/useYield: nothing here reads row by row
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new ConclaveError('engine_failed', 'Expected whole results; rows are not streamed.')
  }
}

/** One connection; whoever asks while it is taken waits. */
class OneConnection implements Driver {
  readonly #open: () => Promise<SqliteThread>
  readonly #close: () => Promise<void>
  #connection: Connection | undefined
  #queue: Promise<void> = Promise.resolve()
  #next: (() => void) | undefined

  constructor(open: () => Promise<SqliteThread>, close: () => Promise<void>) {
    this.#open = open
    this.#close = close
  }

  async init(): Promise<void> {
    this.#connection = new Connection(await this.#open())
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
    // On a full disk SQLite has rolled back by itself, and what it said then is what counts.
    await connection.executeQuery(raw('rollback')).catch(error => {
      if (!/no transaction is active/.test(error.message)) throw error
    })
  }

  async destroy(): Promise<void> {
    await this.#close()
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
  let thread: SqliteThread | undefined
  let giveBack = () => {}
  const open = async () => {
    giveBack = takeOwnership(`${path}.owner`)
    try {
      thread = await SqliteThread.open(path)
      return thread
    } catch (error) {
      giveBack()
      giveBack = () => {}
      throw error
    }
  }
  const close = async () => {
    await thread?.close()
    giveBack()
  }
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new OneConnection(open, close),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}
