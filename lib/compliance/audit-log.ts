/**
 * An append-only log of what was found and decided: each record holds the hash of the one before,
 * each segment ends in a signature, and a signed head says how far the log goes.
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { takeOwnership } from '../disk/owner-file.ts'
import { ConclaveError } from '../errors.ts'
import { type AuditFiles, diskFiles, fileError } from './audit-files.ts'
import {
  type AuditData,
  type AuditRecord,
  firstHash,
  type Head,
  headName,
  isHead,
  lineOf,
  makeHead,
  makeRecord,
  makeSeal,
  publicKeyName,
  readLine,
  segmentName,
} from './audit-record.ts'

export interface AuditOptions {
  /** Made where it is missing; one process at a time. */
  folder: string
  /** PEM of an Ed25519 private key; see {@link createAuditKey}. */
  privateKey: string
  /** Default 10,000. */
  recordsPerSegment?: number
  /** @internal */
  files?: AuditFiles
}

interface Waiting {
  kind: string
  data: AuditData
  resolve(record: AuditRecord): void
  reject(error: ConclaveError): void
}

/** A new pair of keys as PEM. Keep the private one away from the log. */
export function createAuditKey(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

/**
 * Opens a log for appending. What a crash left behind the last confirmed record is moved into a
 * file beside it, and a `recovered` record says so.
 *
 * Throws `invalid_request` for a key of another kind, `tampered` where the log does not reach as
 * far as its signed head says or another key signed it, `io_error`, `disk_full`.
 * @example
 * const { privateKey } = createAuditKey()
 * const log = await openAuditLog({ folder: 'audit', privateKey })
 * await log.append('decision', { case: 'c-1', decision: 'dismissed', reviewer: 'Li' })
 * await log.close()
 */
export async function openAuditLog(options: AuditOptions): Promise<AuditLog> {
  const { folder, files = diskFiles, recordsPerSegment = 10_000 } = options
  const key = readKey(options.privateKey)
  let giveBack = () => {}
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    giveBack = takeOwnership(join(folder, 'owner'))
    const head = (await readHead(folder, files, key)) ?? (await begin(folder, files, key))
    const log = new AuditLog({ folder, files, key, recordsPerSegment, head, giveBack })
    await log.recover()
    return log
  } catch (error) {
    giveBack()
    throw fileError(folder, error)
  }
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {}
  throw new ConclaveError(
    'invalid_request',
    'Expected the PEM of an Ed25519 private key for the audit log. Make one with createAuditKey.',
  )
}

type Position = Omit<Head, 'signature'>

/** Signs the head of a log without records, so that a log without a head is never a new one. */
async function begin(folder: string, files: AuditFiles, key: KeyObject): Promise<Position> {
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' })
  await files.replace(join(folder, publicKeyName), Buffer.from(pem))
  const head = { seq: 0, hash: firstHash, segment: 1, bytes: 0 }
  await files.replace(join(folder, headName), Buffer.from(lineOf(makeHead(head, key))))
  return head
}

/** Undefined where there is no log. */
async function readHead(
  folder: string,
  files: AuditFiles,
  key: KeyObject,
): Promise<Position | undefined> {
  const bytes = await files.read(join(folder, headName))
  if (bytes === undefined) {
    if (readdirSync(folder).some(name => name.startsWith('segment-')))
      throw tampered(folder, 'its signed head is missing')
    return undefined
  }
  const head = readLine(bytes.toString('utf8').replace(/\n$/, ''))
  if (head === undefined || !('segment' in head) || !isHead(head, createPublicKey(key)))
    throw tampered(folder, 'its head was changed, or another key signed it')
  const { signature: _, ...body } = head
  return body
}

function tampered(folder: string, what: string): ConclaveError {
  return new ConclaveError(
    'tampered',
    `Expected the audit log in ${folder} as it was left, but ${what}. Run conclave audit verify, ` +
      'keep the folder as evidence, and start a log in a new one.',
    { path: folder },
  )
}

interface LogParts {
  folder: string
  files: AuditFiles
  key: KeyObject
  recordsPerSegment: number
  head: Position
  giveBack: () => void
}

/** A log that is open for appending. Made by {@link openAuditLog}. */
export class AuditLog {
  readonly #parts: LogParts
  #head: Position
  /** First record of the segment. */
  #first: number
  /** The segment has its seal: the next record begins another. */
  #sealed = false
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #closed = false
  /** Why nobody knows how far the log goes. */
  #lost: ConclaveError | undefined

  /** @internal */
  constructor(parts: LogParts) {
    this.#parts = parts
    this.#head = parts.head
    this.#first = parts.head.seq + 1
  }

  /** Number of the last record and its hash: note them elsewhere, and no one can shorten the log. */
  get head(): { seq: number; hash: string } {
    return { seq: this.#head.seq, hash: this.#head.hash }
  }

  /**
   * Appends a record and resolves once it is on the disk. Calls at the same time share one sync.
   * Rejects with `disk_full` or `io_error`; then nothing was added, and a later call may succeed.
   * Only where the disk takes a head and neither confirms it nor takes it back does nobody know:
   * the error's `details.unknown` is true, and so are those of later calls until the log is opened
   * again.
   */
  append(kind: string, data: AuditData): Promise<AuditRecord> {
    if (this.#closed)
      return Promise.reject(
        new ConclaveError('disposed', 'Expected an open audit log, but it was closed.'),
      )
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, data, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  /**
   * Writes what waits, seals the segment and gives the folder back; the next log begins another.
   * Rejects with `disk_full` or `io_error` where the seal cannot be written: records are safe.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    try {
      await this.#working
      if (this.#head.seq >= this.#first && !this.#sealed && this.#lost === undefined)
        await this.#write([], true)
    } catch (error) {
      throw fileError(this.#parts.folder, error)
    } finally {
      this.#parts.giveBack()
    }
  }

  /** @internal Sets aside what was written but never confirmed. */
  async recover(): Promise<void> {
    const { folder, files } = this.#parts
    const path = join(folder, segmentName(this.#head.segment))
    const bytes = (await files.read(path)) ?? Buffer.alloc(0)
    if (bytes.length < this.#head.bytes) throw tampered(folder, 'its last segment was cut')
    const kept = bytes.subarray(0, this.#head.bytes)
    const lines = kept.toString('utf8').split('\n').slice(0, -1).map(readLine)
    const records = lines.filter(line => line !== undefined && 'prev' in line)
    const last = records.at(-1) as AuditRecord | undefined
    if (this.#head.bytes > 0 && last?.hash !== this.#head.hash)
      throw tampered(folder, 'its last record is not the one that was signed')
    this.#sealed = lines.length > records.length
    this.#first = (records[0] as AuditRecord | undefined)?.seq ?? this.#head.seq + 1
    await this.#setAside(path, bytes)
  }

  async #setAside(path: string, bytes: Buffer): Promise<void> {
    const { folder, files } = this.#parts
    const { seq, segment } = this.#head
    const next = join(folder, segmentName(segment + 1))
    const begun = await files.read(next)
    if (begun !== undefined && !this.#sealed)
      throw tampered(folder, 'a segment follows one that has no seal')
    const rest = Buffer.concat([bytes.subarray(this.#head.bytes), begun ?? Buffer.alloc(0)])
    const name = rest.length > 0 ? await this.#keep(rest, seq) : ''
    if (begun !== undefined) await files.remove(next)
    if (bytes.length > this.#head.bytes) await files.write(path, this.#head.bytes, Buffer.alloc(0))
    if (rest.length > 0) await this.append('recovered', { bytes: rest.length, file: name })
  }

  /** Writes it under a name that nothing has yet; gives the name. */
  async #keep(rest: Buffer, seq: number): Promise<string> {
    const { folder, files } = this.#parts
    for (let i = 1; ; i++) {
      const name = `unconfirmed-after-${seq}${i === 1 ? '' : `-${i}`}`
      const there = await files.read(join(folder, name))
      if (there === undefined) await files.replace(join(folder, name), rest)
      else if (!there.equals(rest)) continue
      return name
    }
  }

  #nextSegment(): void {
    this.#head = { ...this.#head, segment: this.#head.segment + 1, bytes: 0 }
    this.#first = this.#head.seq + 1
    this.#sealed = false
  }

  async #work(): Promise<void> {
    // A turn of the loop gathers what is appended at the same time.
    await new Promise(resolve => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#room())
      try {
        if (this.#lost !== undefined) throw this.#lost
        const records = await this.#write(batch)
        for (const [i, record] of records.entries()) batch[i]!.resolve(record)
      } catch (error) {
        const failed = fileError(this.#parts.folder, error)
        for (const { reject } of batch) reject(failed)
      }
    }
    this.#working = undefined
  }

  /** Puts `head` in place. Where that fails the old one is there; or `#lost` says that it may not. */
  async #confirm(head: Position): Promise<void> {
    const { folder, files, key } = this.#parts
    const put = (one: Position) =>
      files.replace(join(folder, headName), Buffer.from(lineOf(makeHead(one, key))))
    try {
      await put(head)
    } catch (error) {
      // It may have taken its place before the system refused.
      const there = await readHead(folder, files, key).catch(() => undefined)
      if (there !== undefined && there.bytes === this.#head.bytes && there.seq === this.#head.seq)
        throw error
      try {
        await put(this.#head)
      } catch (second) {
        const { code, message } = fileError(folder, second)
        this.#lost = new ConclaveError(code, message, { path: folder, unknown: true })
        throw this.#lost
      }
      throw error
    }
  }

  /** How many more records the segment takes. */
  #room(): number {
    const taken = this.#sealed ? 0 : this.#head.seq - this.#first + 1
    return Math.max(1, this.#parts.recordsPerSegment - taken)
  }

  /** Appends records, and a seal where the segment is full or `seals` asks for one. */
  async #write(batch: readonly Waiting[], seals = false): Promise<AuditRecord[]> {
    const { folder, files, key, recordsPerSegment } = this.#parts
    if (this.#sealed) this.#nextSegment()
    const before = this.#head
    const at = new Date().toISOString()
    const records: AuditRecord[] = []
    let { seq, hash } = before
    for (const { kind, data } of batch) {
      const record = makeRecord(++seq, at, kind, data, hash)
      hash = record.hash
      records.push(record)
    }
    let text = records.map(lineOf).join('')
    const { segment } = before
    const isSealed = seals || seq - this.#first + 1 >= recordsPerSegment
    if (isSealed)
      text += lineOf(makeSeal({ seal: segment, first: this.#first, last: seq, head: hash }, key))
    const bytes = Buffer.from(text)
    // Whatever a failed attempt left behind is written over and cut.
    await files.write(join(folder, segmentName(segment)), before.bytes, bytes)
    const head = { seq, hash, segment, bytes: before.bytes + bytes.length }
    await this.#confirm(head)
    this.#head = head
    this.#sealed = isSealed
    return records
  }
}
