/**
 * Checks an audit log and names what was done to it.
 * @module
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import {
  type AuditRecord,
  firstHash,
  type Head,
  headName,
  isHead,
  isSealed,
  isWhole,
  publicKeyName,
  readLine,
  type Seal,
  segmentName,
} from './audit-record.ts'

/** One thing that is not as it was written. */
export interface AuditProblem {
  problem: 'changed' | 'removed' | 'reordered' | 'repeated' | 'added' | 'signature'
  /** Number of the record, where it is one. */
  seq?: number
  /** File and line, from 1, where there is one. */
  file: string
  line?: number
  message: string
}

export interface AuditReport {
  ok: boolean
  records: number
  segments: number
  head: { seq: number; hash: string }
  /** SHA-256 of the public key: compare it with the one you noted. */
  keyFingerprint: string
  problems: AuditProblem[]
}

export interface VerifyOptions {
  /** PEM; default: the one in the folder, which whoever can write there can replace. */
  publicKey?: string
  /** A head that was noted before: the log must hold it. */
  head?: { seq: number; hash: string }
}

interface Placed {
  record: AuditRecord
  file: string
  line: number
}

/**
 * Reads a whole log; names every record that was changed, removed, reordered or added.
 * Throws `io_error` where the folder cannot be read.
 * @example
 * const { ok, problems } = verifyAuditLog('audit', { publicKey })
 */
export function verifyAuditLog(folder: string, options: VerifyOptions = {}): AuditReport {
  return new Verification(folder, options).run()
}

class Verification {
  readonly #folder: string
  readonly #options: VerifyOptions
  readonly #key: KeyObject
  readonly #problems: AuditProblem[] = []
  readonly #placed: Placed[] = []
  readonly #changedSeqs = new Set<number>()
  readonly #seals = new Map<string, Seal>()
  readonly #sizes = new Map<string, number>()
  #segments: string[] = []

  constructor(folder: string, options: VerifyOptions) {
    this.#folder = folder
    this.#options = options
    this.#key = readPublicKey(folder, options.publicKey)
  }

  run(): AuditReport {
    const names = this.#list().filter(name => /^segment-\d{6}\.jsonl$/.test(name))
    const count = names.length === 0 ? 0 : Number(names.at(-1)!.slice(8, 14))
    this.#segments = Array.from({ length: count }, (_, i) => segmentName(i + 1))
    for (const name of this.#segments) {
      if (names.includes(name)) this.#readSegment(name)
      else this.#report('removed', name, `The whole of ${name} is missing.`)
    }
    const head = this.#readHead()
    this.#checkOrder(head)
    this.#checkChain(head)
    this.#checkSeals()
    this.#checkHead(head)
    this.#checkNoted()
    const last = this.#placed.at(-1)?.record
    const der = this.#key.export({ type: 'spki', format: 'der' })
    return {
      ok: this.#problems.length === 0,
      records: this.#placed.length,
      segments: this.#segments.length,
      head: { seq: last?.seq ?? 0, hash: last?.hash ?? firstHash },
      keyFingerprint: fingerprint(der),
      problems: this.#problems,
    }
  }

  #list(): string[] {
    try {
      return readdirSync(this.#folder).sort()
    } catch (error) {
      throw unreadable(this.#folder, error)
    }
  }

  #report(problem: AuditProblem['problem'], file: string, message: string, at?: Partial<Placed>) {
    const seq = at?.record?.seq
    this.#problems.push({
      problem,
      ...(seq === undefined ? {} : { seq }),
      file,
      ...(at?.line === undefined ? {} : { line: at.line }),
      message,
    })
  }

  #readSegment(file: string): void {
    const bytes = readFileSync(join(this.#folder, file))
    this.#sizes.set(file, bytes.length)
    const text = bytes.toString('utf8')
    if (!Buffer.from(text).equals(bytes))
      this.#report('changed', file, `${file} holds bytes that are no text.`)
    const lines = text.split('\n')
    if (lines.pop() !== '')
      this.#report('changed', file, `The last line of ${file} is cut.`, { line: lines.length + 1 })
    lines.forEach((text, i) => {
      const line = i + 1
      const read = readLine(text)
      if (read !== undefined && 'prev' in read) {
        const placed = { record: read, file, line }
        this.#placed.push(placed)
        if (!isWhole(read)) this.#changed(placed)
      } else if (read !== undefined && 'seal' in read && !this.#seals.has(file)) {
        this.#seals.set(file, read)
        if (i !== lines.length - 1)
          this.#report('added', file, `Lines follow the seal of ${file}.`, { line: line + 1 })
      } else
        this.#report('changed', file, `Line ${line} of ${file} is not as it was written.`, { line })
    })
  }

  #changed(placed: Placed): void {
    const { record, file, line } = placed
    if (this.#changedSeqs.has(record.seq)) return
    this.#changedSeqs.add(record.seq)
    const message = `Record ${record.seq} was changed (${file}, line ${line}).`
    this.#report('changed', file, message, placed)
  }

  #readHead(): Head | undefined {
    let text = ''
    try {
      text = readFileSync(join(this.#folder, headName), 'utf8')
    } catch {
      if (this.#segments.length > 0)
        this.#report('removed', headName, 'The signed head is missing.')
      return undefined
    }
    const head = text.endsWith('\n') ? readLine(text.slice(0, -1)) : undefined
    if (head !== undefined && 'segment' in head && isHead(head, this.#key)) return head
    this.#report('signature', headName, 'The head was changed, or another key signed it.')
    return undefined
  }

  /** Which numbers are missing, twice there, or out of their order. */
  #checkOrder(head: Head | undefined): void {
    const seen = new Set<number>()
    let highest = 0
    for (const placed of this.#placed) {
      const { seq } = placed.record
      if (seen.has(seq))
        this.#report('repeated', placed.file, `Record ${seq} is there twice.`, placed)
      else if (seq < highest)
        this.#report('reordered', placed.file, `Record ${seq} stands after ${highest}.`, placed)
      seen.add(seq)
      highest = Math.max(highest, seq)
    }
    // A record that cannot be read was reported as changed; its number is missing too.
    const end = Math.max(highest, head?.seq ?? 0)
    const most = this.#placed.length + 1000
    const sorted = this.#placed.toSorted((a, b) => a.record.seq - b.record.seq)
    for (let seq = 1, named = 0, next = 0; seq <= end && named < most; seq++) {
      if (seen.has(seq)) continue
      named++
      while (next < sorted.length && sorted[next]!.record.seq < seq) next++
      const file = sorted[next]?.file ?? this.#segments.at(-1) ?? headName
      this.#problems.push({ problem: 'removed', seq, file, message: `Record ${seq} is missing.` })
    }
  }

  /** Each record holds the hash of the one before. */
  #checkChain(head: Head | undefined): void {
    const bySeq = new Map(this.#placed.map(placed => [placed.record.seq, placed]))
    for (const placed of this.#placed) {
      const { record } = placed
      const before = bySeq.get(record.seq - 1)
      const expected = record.seq === 1 ? firstHash : before?.record.hash
      if (expected === undefined || record.prev === expected) continue
      // Both are whole in themselves: whoever the next record does not know is the false one.
      const next = bySeq.get(record.seq + 1)?.record.prev
      const known = next ?? (head?.seq === record.seq ? head.hash : undefined)
      this.#changed(known === record.hash && before !== undefined ? before : placed)
    }
  }

  #checkSeals(): void {
    const byFile = new Map<string, Placed[]>()
    for (const one of this.#placed) {
      const there = byFile.get(one.file)
      if (there === undefined) byFile.set(one.file, [one])
      else there.push(one)
    }
    this.#segments.forEach((file, i) => {
      if (!this.#sizes.has(file)) return
      const seal = this.#seals.get(file)
      const isLast = i === this.#segments.length - 1
      if (seal === undefined) {
        if (!isLast) this.#report('removed', file, `The seal of ${file} is missing.`)
        return
      }
      const records = byFile.get(file) ?? []
      const [first, last] = [records[0]?.record, records.at(-1)?.record]
      const fits =
        seal.seal === i + 1 &&
        seal.first === first?.seq &&
        seal.last === last?.seq &&
        seal.head === last.hash
      if (!isSealed(seal, this.#key))
        this.#report('signature', file, `The seal of ${file} was changed, or another key made it.`)
      else if (!fits)
        this.#report('signature', file, `The seal of ${file} is not that of its records.`)
    })
  }

  #checkHead(head: Head | undefined): void {
    if (head === undefined) return
    const at = this.#placed.find(one => one.record.seq === head.seq)
    if (at !== undefined && at.record.hash !== head.hash) this.#changed(at)
    for (const placed of this.#placed.filter(one => one.record.seq > head.seq))
      this.#report(
        'added',
        placed.file,
        `Record ${placed.record.seq} stands behind the signed head.`,
        placed,
      )
    const file = segmentName(head.segment)
    const size = this.#sizes.get(file)
    if (size !== undefined && size !== head.bytes)
      this.#report('changed', file, `${file} has ${size} bytes; ${head.bytes} were signed.`)
    const later = this.#segments.slice(head.segment)
    for (const name of later) this.#report('added', name, `${name} stands behind the signed head.`)
  }

  #checkNoted(): void {
    const { head } = this.#options
    if (head === undefined) return
    const at = this.#placed.find(one => one.record.seq === head.seq)
    if (at?.record.hash === head.hash) return
    const message = `The log does not hold record ${head.seq} with the hash that was noted.`
    this.#problems.push({ problem: 'removed', seq: head.seq, file: headName, message })
  }
}

function fingerprint(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

function readPublicKey(folder: string, pem: string | undefined): KeyObject {
  let text = pem
  try {
    text ??= readFileSync(join(folder, publicKeyName), 'utf8')
  } catch (error) {
    throw unreadable(folder, error)
  }
  try {
    const key = createPublicKey(text)
    if (key.asymmetricKeyType === 'ed25519' && !text.includes('PRIVATE')) return key
  } catch {}
  throw new ConclaveError(
    'invalid_request',
    'Expected the PEM of an Ed25519 public key for the audit log, but this is none. Give the ' +
      'one that was noted when the log was made.',
  )
}

function unreadable(path: string, error: unknown): ConclaveError {
  const code = systemCode(error) || 'unknown'
  return new ConclaveError(
    'io_error',
    `Expected to read the audit log in ${path}, but the system refused (${code}). Check the folder.`,
    { path, system: code },
    { cause: error },
  )
}
