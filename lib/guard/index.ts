/**
 * `conclave/guard`: keeps personal data and secrets out of texts and streams. Needs no model.
 * @module
 */
export { type Category, categories } from './categories.ts'
export {
  createGuard,
  type Guard,
  type GuardCount,
  type GuardMatch,
  type GuardResult,
} from './guard.ts'
export { guardedFetch } from './guarded-fetch.ts'
export {
  type ModerationResult,
  type ModerationResults,
  moderate,
  moderationOf,
} from './moderation.ts'
export type { Action, Direction, GuardPolicy, MaskStyle } from './policy.ts'
