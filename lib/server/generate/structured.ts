/**
 * Structured output: what a body asks for → what the engine is told, or a 400. Never nothing.
 * @module
 */
import type { StructuredOptions } from '../../sampling/structured.ts'
import { badField } from '../refusal.ts'
import type { StructuredBody } from '../wire/structured.ts'
import type { WireTool, WireToolChoice } from '../wire/tools.ts'

export interface StructuredAsk {
  structured?: StructuredBody
  tools?: readonly WireTool[] | null | undefined
  toolChoice?: WireToolChoice | null | undefined
}

/** How the reply is held to its form. */
export interface Form {
  /** The field of the body that asks for it. */
  param: string
  structured: StructuredOptions
  /** The reply is the JSON of one call. */
  isCall: boolean
}

/** Undefined: the reply is free. */
export function formOf(ask: StructuredAsk): Form | undefined {
  const asked = [callForm(ask), formatForm(ask.structured ?? {}), ...outputForms(ask)]
  const forms = asked.filter(form => form !== undefined)
  const [first, second] = forms
  if (second === undefined) return first
  throw badField(
    second.param,
    `Expected one form of the reply, but ${first!.param} and ${second.param} both ask for one.`,
  )
}

function formatForm({ response_format: format }: StructuredBody): Form | undefined {
  const param = 'response_format'
  if (format === null || format === undefined || format.type === 'text') return undefined
  if (format.type === 'json_object')
    return { param, structured: { type: 'json_object' }, isCall: false }
  const { schema } = format.json_schema
  return { param, structured: { type: 'json_schema', schema }, isCall: false }
}

function outputForms({ structured: body = {} }: StructuredAsk): (Form | undefined)[] {
  const outputs = body.structured_outputs ?? {}
  const at = (name: string) => `structured_outputs.${name}`
  return [
    jsonForm(at('json'), outputs.json),
    jsonForm('guided_json', body.guided_json),
    outputs.json_object === true
      ? { param: at('json_object'), structured: { type: 'json_object' }, isCall: false }
      : undefined,
    textForm(at('regex'), outputs.regex, pattern => ({ type: 'regex', pattern })),
    textForm('guided_regex', body.guided_regex, pattern => ({ type: 'regex', pattern })),
    textForm(at('grammar'), outputs.grammar, grammar => ({ type: 'grammar', grammar })),
    textForm('guided_grammar', body.guided_grammar, grammar => ({ type: 'grammar', grammar })),
    textForm(at('choice'), outputs.choice, choices => ({ type: 'choice', choices })),
    textForm('guided_choice', body.guided_choice, choices => ({ type: 'choice', choices })),
  ]
}

function textForm<T>(
  param: string,
  value: T | null | undefined,
  structured: (value: T) => StructuredOptions,
): Form | undefined {
  if (value === null || value === undefined) return undefined
  return { param, structured: structured(value), isCall: false }
}

function jsonForm(
  param: string,
  value: object | boolean | string | null | undefined,
): Form | undefined {
  if (value === null || value === undefined) return undefined
  let schema: unknown = value
  try {
    if (typeof value === 'string') schema = JSON.parse(value)
  } catch {
    throw badField(param, 'Expected a schema, or the JSON text of one.')
  }
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null))
    throw badField(param, 'Expected a schema: an object, true or false.')
  return { param, structured: { type: 'json_schema', schema }, isCall: false }
}

/** `{"name": …, "arguments": {…}}` of one of the tools, or of the one that is named. */
function callForm({ tools, toolChoice }: StructuredAsk): Form | undefined {
  const isNamed = typeof toolChoice === 'object' && toolChoice?.type === 'function'
  if (!isNamed && toolChoice !== 'required') return undefined
  const name = isNamed ? toolChoice.function.name : undefined
  const schemas = (tools ?? [])
    .map(tool => tool.function)
    .filter(tool => name === undefined || tool.name === name)
    .map(tool => ({
      type: 'object',
      properties: {
        name: { const: tool.name },
        arguments: argumentsSchema(tool.parameters),
      },
      required: ['name', 'arguments'],
      additionalProperties: false,
    }))
  const schema = schemas.length === 1 ? schemas[0]! : { anyOf: schemas }
  return { param: 'tools', structured: { type: 'json_schema', schema }, isCall: true }
}

/** Arguments are always an object. */
function argumentsSchema(parameters: Record<string, unknown> | null | undefined): object {
  const schema = parameters ?? { properties: {}, additionalProperties: false }
  return 'type' in schema || '$ref' in schema ? schema : { type: 'object', ...schema }
}
