/**
 * What the server refuses, and as which HTTP status.
 * @module
 */
import { ConclaveError, type ErrorCode } from '../errors.ts'
import { generateOptionNames } from '../sampling/options.ts'

export interface RefusalParts {
  status: number
  code: ErrorCode
  message: string
  /** The field of the body that is at fault, as `messages[0].content`. */
  param?: string
  headers?: Record<string, string>
}

/** An error that has an HTTP status of its own. */
export class Refusal extends ConclaveError {
  readonly status: number
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor({ status, code, message, param, headers = {} }: RefusalParts) {
    super(code, message, param === undefined ? {} : { param })
    this.status = status
    this.param = param ?? null
    this.headers = headers
  }
}

/** 400 naming the field. */
export function badField(param: string, message: string): Refusal {
  return new Refusal({ status: 400, code: 'invalid_request', message, param })
}

const statuses = new Map<ErrorCode, number>([
  ['invalid_request', 400],
  ['context_length_exceeded', 400],
  ['template_error', 400],
  ['template_limit', 400],
  ['kv_capacity', 400],
  ['grammar_error', 400],
  ['grammar_limit', 400],
  ['aborted', 499],
  ['timeout', 504],
  ['insufficient_memory', 503],
  ['disposed', 503],
])

export function statusOf(error: ConclaveError): number {
  return error instanceof Refusal ? error.status : (statuses.get(error.code) ?? 500)
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
const optionNames = new RegExp(`\\b(?:${generateOptionNames.join('|')})\\b`, 'g')

/** The sentence of an error with options as clients call them. */
export function wireMessage(error: ConclaveError): string {
  if (error instanceof Refusal) return error.message
  const named = error.message.replace(optionNames, snakeCase)
  return named.replace(/\btemplateOptions\b/g, 'chat_template_kwargs')
}

/** The field at fault as clients call it, or null. */
export function paramOf(error: ConclaveError): string | null {
  if (error instanceof Refusal) return error.param
  const { option, param } = error.details
  if (typeof param === 'string') return param
  if (typeof option !== 'string') return null
  // Such as 'an id of logitBias'.
  return option.match(optionNames)?.map(snakeCase)[0] ?? snakeCase(option)
}
