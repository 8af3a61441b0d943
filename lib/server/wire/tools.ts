/**
 * Tools as clients write them.
 * @module
 */
import { z } from 'zod'

export const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'Expected a name of letters, digits, _ . or -')

export const schemaObject = z.record(z.string(), z.unknown())

const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: toolName,
    description: z.string().max(65_536).nullish(),
    parameters: schemaObject.nullish(),
    strict: z.boolean().nullish(),
  }),
})

export const tools = z
  .array(tool)
  .max(128)
  .refine(list => new Set(list.map(t => t.function.name)).size === list.length, {
    error: 'Expected each tool to have a name of its own',
  })
  .meta({ uniqueItems: true })

export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: toolName }) }),
  ],
  { error: "Expected 'none', 'auto', 'required' or { type: 'function', function: { name } }" },
)

export type WireTool = z.infer<typeof tool>
export type WireToolChoice = z.infer<typeof toolChoice>
