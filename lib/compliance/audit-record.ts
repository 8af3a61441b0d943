/**
 * Lines of the audit log: records in a chain of hashes, seals of segments, the signed head.
 * @module
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'

/** Plain data of a record: names, numbers, salted hashes; never a match. */
export type AuditData = Readonly<Record<string, string | number | boolean | null>>

/** One record; `hash` is over everything before it in the line. */
export interface AuditRecord {
  seq: number
  /** ISO 8601 in UTC. */
  at: string
  kind: string
  data: AuditData
  /** Hash of the record before; of the first one zeros. */
  prev: string
  hash: string
}

/** Ends a segment. */
export interface Seal {
  seal: number
  first: number
  last: number
  /** Hash of the last record. */
  head: string
  signature: string
}

/** What the log has promised: kept in a file of its own and signed at every append. */
export interface Head {
  seq: number
  hash: string
  segment: number
  /** Of the segment's file. */
  bytes: number
  signature: string
}

export const firstHash = '0'.repeat(64)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export function makeRecord(
  seq: number,
  at: string,
  kind: string,
  data: AuditData,
  prev: string,
): AuditRecord {
  const body = { seq, at, kind, data, prev }
  return { ...body, hash: sha256(JSON.stringify(body)) }
}

/** True where the hash is that of the record's own content. */
export function isWhole({ hash, ...body }: AuditRecord): boolean {
  return sha256(JSON.stringify(body)) === hash
}

const hex = (key: KeyObject, text: string): string =>
  sign(null, Buffer.from(text), key).toString('hex')

const isSigned = (key: KeyObject, text: string, signature: string): boolean =>
  /^[0-9a-f]{128}$/.test(signature) &&
  verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'))

export function makeSeal(body: Omit<Seal, 'signature'>, key: KeyObject): Seal {
  return { ...body, signature: hex(key, `seal ${JSON.stringify(body)}`) }
}

export function isSealed({ signature, ...body }: Seal, key: KeyObject): boolean {
  return isSigned(key, `seal ${JSON.stringify(body)}`, signature)
}

export function makeHead(body: Omit<Head, 'signature'>, key: KeyObject): Head {
  return { ...body, signature: hex(key, `head ${JSON.stringify(body)}`) }
}

export function isHead({ signature, ...body }: Head, key: KeyObject): boolean {
  return isSigned(key, `head ${JSON.stringify(body)}`, signature)
}

/** The one way in which a record, seal or head is written. */
export const lineOf = (value: AuditRecord | Seal | Head): string => `${JSON.stringify(value)}\n`

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a line says, or undefined where nothing of ours was written so. */
export function readLine(line: string): AuditRecord | Seal | Head | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isRecord(value) || JSON.stringify(value) !== line) return undefined
  const names = Object.keys(value).join()
  if (names === 'seq,at,kind,data,prev,hash' && Number.isSafeInteger(value.seq))
    return isRecord(value.data) ? (value as unknown as AuditRecord) : undefined
  if (names === 'seal,first,last,head,signature') return value as unknown as Seal
  return names === 'seq,hash,segment,bytes,signature' ? (value as unknown as Head) : undefined
}

export const segmentName = (segment: number): string =>
  `segment-${String(segment).padStart(6, '0')}.jsonl`

export const headName = 'head.json'
export const publicKeyName = 'public-key.pem'
