/**
 * Values of Qwen3-Coder's calls are bare text: the tool's schema says what they are.
 * @module
 */
import type { ToolDefinition } from './messages.ts'

const maxDepth = 4

/** JSON types that a parameter may have; empty where the schema does not say. */
export function typesOf(
  tools: readonly ToolDefinition[],
  tool: string,
  parameter: string,
): Set<string> {
  const found = tools.find(({ function: { name } }) => name === tool)
  const properties = asObject(found?.function.parameters?.properties)
  const types = new Set<string>()
  const own = properties !== undefined && Object.hasOwn(properties, parameter)
  if (own) collect(types, properties[parameter], 0)
  return types
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function collect(types: Set<string>, schema: unknown, depth: number): void {
  const object = asObject(schema)
  if (object === undefined || depth > maxDepth) return
  const { type, enum: values, const: only, anyOf, oneOf } = object
  for (const name of Array.isArray(type) ? type : [type])
    if (typeof name === 'string') types.add(name)
  if (type === undefined) {
    const known = [...(Array.isArray(values) ? values : []), ...(only === undefined ? [] : [only])]
    for (const value of known) types.add(typeName(value))
    for (const list of [anyOf, oneOf])
      for (const inner of Array.isArray(list) ? list : []) collect(types, inner, depth + 1)
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

const spellings = new Map([
  ['True', 'true'],
  ['False', 'false'],
  ['None', 'null'],
])

/** The value as JSON: of one of the types where the text is that, otherwise a string. */
export function toJson(text: string, types: ReadonlySet<string>): string {
  const bare = text.trim()
  const word = spellings.get(bare) ?? bare
  try {
    const type = typeName(JSON.parse(word))
    const fits = types.has(type) || (type === 'number' && types.has('integer'))
    if (fits && type !== 'string') return word
    // A text in quotes, where only its JSON form can be meant.
    if (type === 'string' && !types.has('string')) return word
  } catch {}
  return JSON.stringify(text)
}
