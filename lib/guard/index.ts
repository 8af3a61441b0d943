/**
 * `conclave/guard`: keeps personal data and secrets out of texts and streams. Needs no model.
 * @module
 */
export { type Category, categories } from './categories.ts'
export {
  createGuard,
  type Guard,
  type GuardMatch,
  type GuardResult,
} from './guard.ts'
export type { Action, GuardPolicy, MaskStyle } from './policy.ts'
