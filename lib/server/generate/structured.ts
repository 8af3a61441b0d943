/**
 * Structured output: what a body asks for → what the engine is told, or a 400. Never nothing.
 * @module
 */
import { badField } from '../refusal.ts'
import type { StructuredBody } from '../wire/structured.ts'

export function structuredOptions(body: StructuredBody): object {
  const { response_format: format, structured_outputs: outputs } = body
  const isAsked = format !== null && format !== undefined && format.type !== 'text'
  if (isAsked) throw notYet('response_format')
  if (outputs !== null && outputs !== undefined) throw notYet('structured_outputs')
  return {}
}

function notYet(param: string) {
  return badField(param, `Expected no ${param}: structured output is not implemented.`)
}
