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

const named = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({ name: toolName }),
})

export const allowedMode = z.enum(['auto', 'required'])

export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    named,
    z.looseObject({
      type: z.literal('allowed_tools'),
      allowed_tools: z.looseObject({ mode: allowedMode, tools: z.array(named).min(1).max(128) }),
    }),
  ],
  {
    error:
      "Expected 'none', 'auto', 'required', { type: 'function', function: { name } } or " +
      "{ type: 'allowed_tools', allowed_tools: { mode, tools } }",
  },
)

export type WireTool = z.infer<typeof tool>
export type WireToolChoice = z.infer<typeof toolChoice>
