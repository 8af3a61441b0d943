/**
 * A SQLite database in a thread of its own: nobody waits for its disk, and how long an answer takes
 * tells no customer that something was written.
 * @module
 */
import { statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ConclaveError } from '../errors.ts'
import { packageRoot } from '../native.ts'
import { optional } from './optional.ts'

export type Value = string | number | bigint | Uint8Array | null
type Row = Record<string, Value>
interface Answer {
  rows?: Row[]
  changes?: number
  failed?: string
}

/** What the thread runs, as a script or a module: each question is answered in turn. */
const program = `
'use strict'
const builtin = process.getBuiltinModule
const { rmSync } = builtin('node:fs')
const { parentPort, workerData: { driver, path } } = builtin('node:worker_threads')
const load = builtin('node:module').createRequire(driver)
let database
function answer({ sql, values, isQuery }) {
  if (sql === undefined) return database?.close() ?? {}
  if (database === undefined) {
    rmSync(path + '.lock', { recursive: true, force: true })
    database = new (load(driver).Database)(path)
  }
  return isQuery ? { rows: database.all(sql, values) } : { changes: database.run(sql, values).changes }
}
parentPort.on('message', question => {
  try {
    parentPort.postMessage(answer(question) ?? {})
  } catch (error) {
    parentPort.postMessage({ failed: error.message })
  }
})
`

/** One database; answers come in the order of the questions. */
export class SqliteThread {
  readonly #worker: Worker
  readonly #path: string
  readonly #waiting: { resolve(answer: Answer): void; reject(error: ConclaveError): void }[] = []
  /** Why it ended. */
  #ended: ConclaveError | undefined

  private constructor(driver: string, path: string) {
    this.#path = path
    this.#worker = new Worker(program, { eval: true, workerData: { driver, path } })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => {
      const next = this.#waiting.shift()!
      if (this.#waiting.length === 0) this.#worker.unref()
      if (answer.failed === undefined) next.resolve(answer)
      else void this.#refused(answer.failed).then(next.reject)
    })
    this.#worker.on('error', error => this.#end(error.message))
    this.#worker.on('exit', () => this.#end('its thread ended'))
  }

  /** Throws `invalid_request` where the package is not installed, `io_error`, `disk_full`. */
  static async open(path: string): Promise<SqliteThread> {
    const driver = await optional('node-sqlite3-wasm', async () =>
      createRequire(join(packageRoot(), 'package.json')).resolve('node-sqlite3-wasm'),
    )
    const thread = new SqliteThread(driver, path)
    try {
      for (const pragma of ['locking_mode=exclusive', 'journal_mode=wal', 'synchronous=full'])
        await thread.all(`pragma ${pragma}`, [])
    } catch (error) {
      await thread.close()
      throw error
    }
    return thread
  }

  async all(sql: string, values: readonly Value[]): Promise<Row[]> {
    return (await this.#ask({ sql, values, isQuery: true })).rows!
  }

  /** How many rows it changed. */
  async run(sql: string, values: readonly Value[]): Promise<number> {
    return (await this.#ask({ sql, values, isQuery: false })).changes!
  }

  /** Behind all that was asked. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return
    await this.#ask({}).catch(() => {})
    await this.#worker.terminate()
  }

  #ask(question: object): Promise<Answer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      // Idle, it keeps no process alive.
      this.#worker.ref()
      this.#worker.postMessage(question)
    })
  }

  /** The package takes every failed write for an error of the disk; ask whether that is full. */
  async #refused(message: string): Promise<ConclaveError> {
    const isFull = /disk I\/O error/.test(message) && (await hasNoRoom(dirname(this.#path)))
    return storeError(isFull ? 'the disk is full' : message)
  }

  #end(why: string): void {
    this.#ended ??= storeError(why)
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
  }
}

/** A few pages of a database. */
const leastRoom = 65_536

const hasNoRoom = (folder: string): Promise<boolean> =>
  statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize < leastRoom,
    () => false,
  )

function storeError(message: string): ConclaveError {
  return new ConclaveError(
    /disk is full/i.test(message) ? 'disk_full' : 'io_error',
    `Expected the case store to answer, but SQLite says: ${message}. Check the disk and the file.`,
  )
}
