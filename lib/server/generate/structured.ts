/**
 * Structured output: what a body asks for → what the engine is told, or a 400. Never nothing.
 * @module
 */
import { badField } from '../refusal.ts'
import type { StructuredBody } from '../wire/structured.ts'
import type { WireTool, WireToolChoice } from '../wire/tools.ts'

export interface StructuredAsk {
  structured?: StructuredBody
  tools?: readonly WireTool[] | null | undefined
  toolChoice?: WireToolChoice | null | undefined
}

export function structuredOptions({ structured, toolChoice }: StructuredAsk): object {
  const { response_format: format, structured_outputs: outputs } = structured ?? {}
  const isAsked = format !== null && format !== undefined && format.type !== 'text'
  if (isAsked) throw notYet('response_format')
  if (outputs !== null && outputs !== undefined) throw notYet('structured_outputs')
  if (toolChoice === 'required' || typeof toolChoice === 'object') {
    if (toolChoice !== null) throw notYet('tool_choice')
  }
  return {}
}

function notYet(param: string) {
  return badField(param, `Expected another ${param}: structured output is not implemented.`)
}
