/**
 * What an answer must match: a schema, a pattern, a choice or a grammar.
 * @module
 */
import { z } from 'zod'
import { ConclaveError } from '../errors.ts'
import type { GrammarKind } from '../native.ts'

/**
 * The answer matches it token by token, or the request fails before it begins: a keyword that
 * cannot be enforced is a `grammar_error` whose details name `path` and `keyword`.
 *
 * What is written is always valid; not all that is valid may be written. Members of an object come
 * in the order of the schema; others only where `additionalProperties` says so or nothing is
 * declared. In a chat a thought may come before it, where the template has thoughts: the answer
 * behind `</think>` matches. An answer that nears `maxTokens` is brought to its end, and says 'length'.
 * @example
 * const schema = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] }
 * const structured = { type: 'json_schema', schema } as const
 * JSON.parse(await model.chat(messages, { structured }).text())
 */
export type StructuredOptions =
  /** JSON that is valid against a JSON Schema (2020-12, and what draft 7 writes otherwise). */
  | { type: 'json_schema'; schema: object | boolean }
  /** Any JSON object. */
  | { type: 'json_object' }
  /** A regular expression in ECMAScript's notation; the whole answer matches. */
  | { type: 'regex'; pattern: string }
  /** One of some texts. */
  | { type: 'choice'; choices: readonly string[] }
  /** A context-free grammar in GBNF notation; the answer is what `root` makes. */
  | { type: 'grammar'; grammar: string }

/** A grammar as the addon compiles it. */
export interface GrammarAsk {
  kind: GrammarKind
  text: string
}

const schema = z.custom<object | boolean>(
  value => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
  'Expected a schema: an object, true or false',
)
const form = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('json_schema'), schema }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({ type: z.literal('regex'), pattern: z.string() }),
  z.strictObject({
    type: z.literal('choice'),
    choices: z.array(z.string().min(1)).min(1).max(100_000).readonly(),
  }),
  z.strictObject({ type: z.literal('grammar'), grammar: z.string() }),
])

/** Checks `structured`; undefined where it is left out. Throws `invalid_request` or a grammar's. */
export function checkStructured(value: unknown): GrammarAsk | undefined {
  if (value === undefined) return undefined
  const parsed = form.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const option = ['structured', ...(issue?.path ?? [])].join('.')
    throw new ConclaveError(
      'invalid_request',
      `Expected structured to be { type: 'json_schema', schema }, { type: 'json_object' }, ` +
        `{ type: 'regex', pattern }, { type: 'choice', choices } or { type: 'grammar', grammar }, ` +
        `but at ${option}: ${issue?.message}.`,
      { option },
    )
  }
  const ask = parsed.data
  switch (ask.type) {
    case 'json_schema':
      return { kind: 'json_schema', text: jsonOf(ask.schema) }
    case 'json_object':
      return { kind: 'json_schema', text: '{"type":"object"}' }
    case 'regex':
      return { kind: 'regex', text: ask.pattern }
    case 'choice':
      return { kind: 'choice', text: JSON.stringify(ask.choices) }
    case 'grammar':
      return { kind: 'grammar', text: ask.grammar }
  }
}

function jsonOf(value: object | boolean): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    const isDeep = error instanceof RangeError
    throw new ConclaveError(
      isDeep ? 'grammar_limit' : 'grammar_error',
      isDeep
        ? 'Expected a schema nested at most 64 deep. Use $defs and $ref.'
        : `Expected a schema of plain JSON data, but it cannot be written as JSON: ${error}.`,
      {},
      { cause: error },
    )
  }
}
