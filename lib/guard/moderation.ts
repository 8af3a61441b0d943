/**
 * Finds in the shape of OpenAI's `moderation` field.
 * @module
 */
import { type Category, categories } from './categories.ts'
import type { Guard, GuardMatch } from './guard.ts'
import type { Direction } from './policy.ts'

/** One text's finds; the categories are those of the guard. */
export interface ModerationResult {
  type: 'moderation_result'
  model: string
  flagged: boolean
  categories: Record<string, boolean>
  category_scores: Record<string, number>
  category_applied_input_types: Record<string, 'text'[]>
}

export interface ModerationResults {
  type: 'moderation_results'
  model: string
  results: ModerationResult[]
}

/** What `moderation.model` is in answers. */
const moderationModel = 'conclave-guard'

/** Finds of several texts as `moderation_results`. */
export function moderationOf(
  matches: readonly (readonly GuardMatch[])[],
  model = moderationModel,
): ModerationResults {
  return { type: 'moderation_results', model, results: matches.map(one => resultOf(one, model)) }
}

/**
 * Looks at texts without changing them.
 * @example
 * moderate(guard, ['Ring 138 0013 8000'], 'input').results[0].categories.phone // true
 */
export function moderate(
  guard: Guard,
  texts: readonly string[],
  direction: Direction,
): ModerationResults {
  return moderationOf(texts.map(text => guard.scanJson(text, direction).matches))
}

function resultOf(matches: readonly GuardMatch[], model: string): ModerationResult {
  const scores = new Map<Category, number>(categories.map(name => [name, 0]))
  for (const { category, score } of matches)
    scores.set(category, Math.max(scores.get(category)!, score))
  const all = [...scores]
  return {
    type: 'moderation_result',
    model,
    flagged: matches.length > 0,
    categories: Object.fromEntries(all.map(([name, score]) => [name, score > 0])),
    category_scores: Object.fromEntries(all),
    category_applied_input_types: Object.fromEntries(
      all.map(([name, score]) => [name, score > 0 ? (['text'] as 'text'[]) : []]),
    ),
  }
}
