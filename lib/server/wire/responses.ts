/**
 * The body of /v1/responses.
 * @module
 */
import { z } from 'zod'
import { conditions, hasTools, wantsCall } from './beyond-schema.ts'
import { reasoningEffort } from './chat.ts'
import { flag, integer, label, maxTokens, modelName, number, text } from './fields.ts'
import { moderation } from './moderation.ts'
import { allowedMode, schemaObject, toolName } from './tools.ts'

const part = z.looseObject({ type: z.enum(['input_text', 'output_text', 'text']), text })

const content = z.union([text, z.array(part).max(1024)], {
  error:
    'Expected a text or a list of { type: "input_text", text }: images and files are not supported',
})

const message = z.looseObject({
  type: z.literal('message').optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
})

const item = z.union(
  [
    message,
    z.looseObject({
      type: z.literal('function_call'),
      call_id: z.string().min(1).max(256),
      name: z.string().min(1).max(256),
      arguments: text,
    }),
    z.looseObject({
      type: z.literal('function_call_output'),
      call_id: z.string().min(1).max(256),
      output: content,
    }),
    z.looseObject({ type: z.literal('reasoning') }),
  ],
  { error: 'Expected a message, a function_call, its function_call_output or reasoning' },
)

export type ResponseItem = z.infer<typeof item>

const named = z.looseObject({ type: z.literal('function'), name: toolName })

const tool = z.looseObject({
  type: z.literal('function'),
  name: toolName,
  description: z.string().max(65_536).nullish(),
  parameters: schemaObject.nullish(),
  strict: flag,
})

const format = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().max(256),
    schema: schemaObject,
    strict: flag,
  }),
])

export const responsesBody = z
  .looseObject({
    model: modelName,
    input: z.union([text, z.array(item).min(1).max(10_000)]),
    instructions: text.nullish(),
    max_output_tokens: maxTokens,
    temperature: number(0, 2),
    top_p: number(0, 1),
    top_k: integer(-1, 2 ** 31 - 1),
    seed: z.int().nullish(),
    tools: z.array(tool).max(128).nullish(),
    tool_choice: z
      .union([
        z.enum(['none', 'auto', 'required']),
        named,
        z.looseObject({
          type: z.literal('allowed_tools'),
          mode: allowedMode,
          tools: z.array(named).min(1).max(128),
        }),
      ])
      .nullish(),
    parallel_tool_calls: flag,
    text: z.looseObject({ format: format.nullish() }).nullish(),
    reasoning: z.looseObject({ effort: reasoningEffort }).nullish(),
    previous_response_id: label.nullish(),
    store: flag.describe('Default true: kept in memory, as long as there is room'),
    stream: flag,
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    cache_salt: label.nullish(),
    moderation,
  })
  .meta(conditions([wantsCall, hasTools]))

export type ResponsesBody = z.infer<typeof responsesBody>

export const responseAnswer = z.looseObject({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  status: z.enum(['completed', 'incomplete', 'in_progress']),
  model: z.string(),
  output: z.array(z.looseObject({ type: z.enum(['message', 'reasoning', 'function_call']) })),
})

export const deletedAnswer = z.looseObject({ id: z.string(), deleted: z.literal(true) })
