/**
 * The field `moderation` of OpenAI's chat completions, answered by the guard.
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import type { ModerationOptions } from '../../engine/request-options.ts'
import type { Guard } from '../../guard/guard.ts'
import { moderationOf } from '../../guard/moderation.ts'
import { badField } from '../refusal.ts'
import type { ChatBody } from '../wire/chat.ts'

/** The engine's option; nothing where none was asked for, or no guard can answer. */
export function moderationOptions(
  guard: Guard | undefined,
  { moderation }: ChatBody,
): { moderation?: ModerationOptions } {
  if (moderation === null || moderation === undefined) return {}
  const { input, output } = moderation.policy ?? {}
  const asked = { input: input?.mode ?? 'score', output: output?.mode ?? 'score' } as const
  if (guard !== undefined) return { moderation: asked }
  // Whoever asks for a block must not get an answer that nobody looked at.
  if (asked.input === 'block' || asked.output === 'block')
    throw badField('moderation', 'Expected mode score: this server has no guard that could block.')
  return {}
}

const unanswered = {
  type: 'error',
  code: 'no_guard',
  message: 'This server has no guard.',
} as const

/** The object `moderation` of an answer: one result for the input, one for each choice. */
export function moderationObject(result: GenerationResult): object {
  const { moderation, answers = [result] } = result
  if (moderation === undefined) return { input: unanswered, output: unanswered }
  return {
    input: moderationOf([moderation.input]),
    output: moderationOf(answers.map(one => one.moderation?.output ?? [])),
  }
}
