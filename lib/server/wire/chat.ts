/**
 * The body of /v1/chat/completions.
 * @module
 */
import { z } from 'zod'
import { conditions, hasTools, wantsCall } from './beyond-schema.ts'
import { flag, integer, maxTokens, modelName, samplingFields, streamFields } from './fields.ts'
import { messages } from './messages.ts'
import { moderation } from './moderation.ts'
import { structuredFields } from './structured.ts'
import { toolChoice, tools } from './tools.ts'

export const reasoningEffort = z
  .enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])
  .nullish()
  .describe('none and minimal turn thinking off, where the template has a switch')

/** What the route checks. */
const together = conditions(
  [
    { required: ['top_logprobs'], properties: { top_logprobs: { type: 'integer' } } },
    { required: ['logprobs'], properties: { logprobs: { const: true } } },
  ],
  [wantsCall, hasTools],
)

export const chatBody = z
  .looseObject({
    model: modelName,
    messages,
    max_tokens: maxTokens,
    max_completion_tokens: maxTokens,
    ...samplingFields,
    ...streamFields,
    ...structuredFields,
    logprobs: flag,
    top_logprobs: integer(0, 20),
    tools: tools.nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: flag,
    reasoning_effort: reasoningEffort,
    moderation,
    chat_template_kwargs: z.record(z.string().max(64), z.unknown()).nullish(),
  })
  .meta(together)

export type ChatBody = z.infer<typeof chatBody>
