/**
 * Messages of a chat as OpenAI's clients write them.
 * @module
 */
import { z } from 'zod'
import { text } from './fields.ts'

const textPart = z.looseObject({ type: z.literal('text'), text })

const content = z.union([text, z.array(textPart).min(1).max(1024)], {
  error:
    'Expected a text or a list of { type: "text", text }: images, audio and files are not ' +
    'supported, and nothing is fetched',
})

const toolCall = z.looseObject({
  id: z.string().max(256).optional(),
  type: z.literal('function').optional(),
  function: z.looseObject({ name: z.string().min(1).max(256), arguments: text }),
})

/** What `problemOf` checks, for those who read the OpenAPI document. */
const contentOrCalls = {
  anyOf: [
    {
      required: ['content'],
      properties: {
        content: { type: ['string', 'array'] },
        tool_calls: { type: ['array', 'null'], maxItems: 0 },
      },
    },
    {
      required: ['tool_calls'],
      properties: { role: { const: 'assistant' }, tool_calls: { type: 'array', minItems: 1 } },
    },
  ],
}

const message = z
  .looseObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
    content: content.nullish(),
    name: z.string().max(256).nullish(),
    reasoning_content: text.nullish(),
    tool_calls: z.array(toolCall).max(128).nullish(),
    tool_call_id: z.string().max(256).nullish(),
  })
  .meta(contentOrCalls)

export type WireMessage = z.infer<typeof message>

export const messages = z
  .array(message)
  .min(1)
  .max(10_000)
  .superRefine((list, context) => {
    const ids = new Set<string>()
    list.forEach((one, i) => {
      const problem = problemOf(one, ids)
      if (problem !== undefined) context.addIssue({ code: 'custom', path: [i], message: problem })
    })
  })

function problemOf(message: WireMessage, ids: Set<string>): string | undefined {
  const { role, content, tool_calls: calls, tool_call_id: id } = message
  for (const call of calls ?? []) if (call.id !== undefined) ids.add(call.id)
  const hasCalls = (calls?.length ?? 0) > 0
  if (hasCalls && role !== 'assistant') return 'Expected tool_calls in messages of assistant alone'
  if ((content === null || content === undefined) && !hasCalls)
    return 'Expected content, which only a message with tool_calls may leave out'
  if (role === 'tool' && id && !ids.has(id))
    return 'Expected tool_call_id to be the id of a call in an earlier message'
  return undefined
}
