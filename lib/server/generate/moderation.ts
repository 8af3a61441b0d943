/**
 * The field `moderation` of OpenAI's requests, answered by the guard.
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import type { ModerationOptions } from '../../engine/request-options.ts'
import type { Guard } from '../../guard/guard.ts'
import { moderationOf } from '../../guard/moderation.ts'
import { badField } from '../refusal.ts'
import type { ModerationField } from '../wire/moderation.ts'

/** The engine's option; nothing where none was asked for, or no guard can answer. */
export function moderationOptions(
  guard: Guard | undefined,
  { moderation }: { moderation?: ModerationField },
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

/** The object `moderation` of an answer: one result for each prompt, one for each choice. */
export function moderationObject(results: readonly GenerationResult[]): object {
  const inputs = results.flatMap(({ moderation }) => (moderation ? [moderation.input] : []))
  if (inputs.length === 0) return { input: unanswered, output: unanswered }
  const choices = results.flatMap(result => result.answers ?? [result])
  return {
    input: moderationOf(inputs),
    output: moderationOf(choices.map(one => one.moderation?.output ?? [])),
  }
}
