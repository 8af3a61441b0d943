/**
 * A case as callers see it.
 * @module
 */
import type { Regime } from './rule-book.ts'
import type { Tables } from './tables.ts'

/** `escalated` leaves a case open; the other two close it. */
export const decisions = ['dismissed', 'escalated', 'reported'] as const
/** `open`: nobody has decided. */
export const statuses = ['open', 'dismissed', 'reported'] as const

/** Moments are ISO 8601 in UTC. */
export interface Case {
  id: string
  regime: Regime
  /** A pseudonym: the same for the same subject under the same key. */
  subject: string
  status: (typeof statuses)[number]
  openedAt: string
  updatedAt: string
  /** By when a person should have decided. */
  deadline: string
  /** The highest of its hits, 0 … 1. */
  score: number
  hits: number
  reviewer: string | null
  reason: string | null
  decidedAt: string | null
}

/** Evidence: where a rule held, with the text around it masked. */
export interface CaseHit {
  id: string
  rule: string
  /** Version of the rule book. */
  book: string
  requestId: string
  direction: 'input' | 'output'
  at: string
  score: number
  /** UTF-16 offsets in the text of the request. */
  start: number
  end: number
  excerpt: string
  /** List entries that were named, such as `sanctions:x-101`. */
  entries: readonly string[]
  /** What was done with the text: always `none`, so that the customer learns nothing. */
  action: string
  /** Salted SHA-256 of the whole text. */
  textHash: string
}

export interface CaseReview {
  at: string
  reviewer: string
  decision: (typeof decisions)[number]
  reason: string
}

export interface CaseDetail extends Case {
  hitList: CaseHit[]
  reviews: CaseReview[]
}

/** @internal */
export function readCase(row: Tables['conclave_cases']): Case {
  const { opened_at, updated_at, decided_at, ...rest } = row
  return {
    ...(rest as unknown as Case),
    openedAt: opened_at,
    updatedAt: updated_at,
    decidedAt: decided_at,
  }
}

/** @internal */
export function readHit(row: Tables['conclave_hits']): CaseHit {
  const { id, rule, book, at, score, excerpt, action } = row
  return {
    id,
    rule,
    book,
    at,
    score,
    excerpt,
    action,
    requestId: row.request_id,
    direction: row.direction as CaseHit['direction'],
    start: row.start_offset,
    end: row.end_offset,
    entries: JSON.parse(row.entries) as string[],
    textHash: row.text_hash,
  }
}
