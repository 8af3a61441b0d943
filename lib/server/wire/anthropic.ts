/**
 * The bodies of /v1/messages and /v1/messages/count_tokens.
 * @module
 */
import { z } from 'zod'
import { conditions, hasTools } from './beyond-schema.ts'
import { flag, integer, label, modelName, number, text } from './fields.ts'
import { schemaObject, toolName } from './tools.ts'

const textBlock = z.looseObject({ type: z.literal('text'), text })

const resultContent = z.union([text, z.array(textBlock).max(1024)], {
  error: 'Expected a text or a list of text blocks',
})

const userBlock = z.discriminatedUnion('type', [
  textBlock,
  z.looseObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string().min(1).max(256),
    content: resultContent.optional(),
    is_error: flag,
  }),
])

const assistantBlock = z.discriminatedUnion('type', [
  textBlock,
  z.looseObject({ type: z.literal('thinking'), thinking: text }),
  z.looseObject({ type: z.literal('redacted_thinking') }),
  z.looseObject({
    type: z.literal('tool_use'),
    id: z.string().min(1).max(256),
    name: z.string().min(1).max(256),
    input: schemaObject,
  }),
])

const message = z.discriminatedUnion(
  'role',
  [
    z.looseObject({
      role: z.literal('user'),
      content: z.union([text, z.array(userBlock).min(1).max(1024)], {
        error:
          'Expected a text or a list of text and tool_result: images and documents are not supported',
      }),
    }),
    z.looseObject({
      role: z.literal('assistant'),
      content: z.union([text, z.array(assistantBlock).max(1024)], {
        error: 'Expected a text or a list of text, thinking and tool_use',
      }),
    }),
  ],
  { error: 'Expected the role user or assistant' },
)

export type UserBlock = z.infer<typeof userBlock>
export type AssistantBlock = z.infer<typeof assistantBlock>
export type AnthropicMessage = z.infer<typeof message>

const tool = z.looseObject({
  type: z.literal('custom').optional(),
  name: toolName,
  description: z.string().max(65_536).optional(),
  input_schema: schemaObject,
})

const oneCall = { disable_parallel_tool_use: flag }

const promptFields = {
  model: modelName,
  messages: z.array(message).min(1).max(10_000),
  system: z.union([text, z.array(textBlock).max(1024)]).optional(),
  tools: z.array(tool).max(128).optional(),
  tool_choice: z
    .discriminatedUnion('type', [
      z.looseObject({ type: z.literal('auto'), ...oneCall }),
      z.looseObject({ type: z.literal('any'), ...oneCall }),
      z.looseObject({ type: z.literal('none') }),
      z.looseObject({ type: z.literal('tool'), name: toolName, ...oneCall }),
    ])
    .optional(),
  output_config: z
    .looseObject({
      format: z.looseObject({ type: z.literal('json_schema'), schema: schemaObject }).nullish(),
    })
    .optional()
    .describe('`format` holds the answer to a schema'),
  thinking: z
    .looseObject({ type: z.enum(['enabled', 'disabled', 'adaptive']) })
    .optional()
    .describe('Turns thinking off or on, where the template has a switch'),
}

/** What the routes check. */
const toolsBesideChoice = conditions([
  {
    required: ['tool_choice'],
    properties: {
      tool_choice: { required: ['type'], properties: { type: { enum: ['any', 'tool'] } } },
    },
  },
  hasTools,
])

export const countBody = z.looseObject(promptFields).meta(toolsBesideChoice)

export const messagesBody = z
  .looseObject({
    ...promptFields,
    max_tokens: z
      .int()
      .min(1)
      .max(2 ** 31 - 1),
    temperature: number(0, 2),
    top_p: number(0, 1),
    top_k: integer(0, 2 ** 31 - 1),
    stop_sequences: z.array(z.string().min(1).max(1024)).max(16).nullish(),
    stream: flag,
    cache_salt: label.nullish(),
  })
  .meta(toolsBesideChoice)

export type CountBody = z.infer<typeof countBody>
export type MessagesBody = z.infer<typeof messagesBody>

export const messageAnswer = z.looseObject({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(z.looseObject({ type: z.enum(['text', 'thinking', 'tool_use']) })),
  stop_reason: z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'refusal']),
  stop_sequence: z.string().nullable(),
  usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int() }),
})

export const countAnswer = z.looseObject({ input_tokens: z.int() })
