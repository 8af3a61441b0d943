/**
 * A policy: plain data that says what is done with each category.
 * @module
 */
import { z } from 'zod'
import { ConclaveError } from '../errors.ts'
import { type Category, categories } from './categories.ts'
import type { Pattern } from './patterns.ts'

const action = z.enum(['off', 'score', 'mask', 'block'])
const style = z.enum(['tag', 'stars', 'last4', 'pseudonym'])

const categoryRule = z.union([
  action,
  z.strictObject({
    /** For both directions, where one does not say. */
    action: action.optional(),
    /** For what goes to the model. */
    input: action.optional(),
    /** For what comes from it. */
    output: action.optional(),
    style: style.optional(),
  }),
])

const term = z.string().min(1).max(200)
const document = z.union([
  z.string().min(1),
  z.strictObject({ id: z.string().min(1).max(200), text: z.string().min(1) }),
])

const pattern = z.strictObject({
  /** What finds are called in reports. */
  id: z.string().regex(/^[\w.-]{1,64}$/),
  pattern: z.string().min(1).max(1000),
  ignoreCase: z.boolean().optional(),
})

const policySchema = z.strictObject({
  categories: z.partialRecord(z.enum(categories as [Category, ...Category[]]), categoryRule),
  /** How masked text looks where a category does not say. Default `tag`. */
  style: style.optional(),
  /** Key of the pseudonyms: the same match gives the same pseudonym under the same key. */
  key: z.string().min(16).optional(),
  terms: z.array(term).max(200_000).optional(),
  documents: z.array(document).max(10_000).optional(),
  /** Regular expressions of RE2; a match lies within one line. */
  patterns: z.array(pattern).max(100).optional(),
})

/** `score` reports, `mask` replaces, `block` ends the text; `off` does not look. */
export type Action = z.infer<typeof action>
type CategoryRule = z.infer<typeof categoryRule>
/** `tag` [PHONE], `stars` \*\*\*, `last4` keeps four characters, `pseudonym` [PHONE_3f9a…]. */
export type MaskStyle = z.infer<typeof style>
/** The JSON of a policy. Categories that it leaves out are off. */
export type GuardPolicy = z.infer<typeof policySchema>

/** What is done with one category. */
interface Treatment {
  readonly action: Action
  readonly style: MaskStyle
}

/** What is done with each category. */
export type Treatments = ReadonlyMap<Category, Treatment>

/** `input`: on its way to the model; `output`: on its way from it. */
export type Direction = 'input' | 'output'

/** A policy that was checked. */
export interface CheckedPolicy {
  readonly treatments: Readonly<Record<Direction, Treatments>>
  readonly key: string | undefined
  readonly terms: readonly string[]
  readonly documents: readonly string[]
  readonly patterns: readonly Pattern[]
}

/** Everything is masked; nothing is blocked. */
const everything: GuardPolicy = {
  categories: Object.fromEntries(categories.map(name => [name, 'mask' as const])),
}

/** Checks a policy; throws `invalid_request` with the first thing that is wrong. */
export function checkPolicy(policy: 'default' | GuardPolicy): CheckedPolicy {
  const parsed = policySchema.safeParse(policy === 'default' ? everything : policy)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const path = issue.path.join('.') || 'the policy'
    throw new ConclaveError(
      'invalid_request',
      `Expected a guard policy, but ${path} is not right: ${issue.message}. Correct the policy.`,
      { path: issue.path.map(String) },
    )
  }
  const { data } = parsed
  const treatments = { input: treatmentsOf(data, 'input'), output: treatmentsOf(data, 'output') }
  return {
    treatments,
    key: data.key,
    terms: data.terms ?? [],
    documents: (data.documents ?? []).map(d => (typeof d === 'string' ? d : d.text)),
    patterns: data.patterns ?? [],
  }
}

function treatmentsOf(policy: GuardPolicy, direction: Direction): Treatments {
  const treatments = new Map<Category, Treatment>()
  for (const name of categories) {
    const rule = Object.hasOwn(policy.categories, name) ? policy.categories[name] : undefined
    const listed =
      (name === 'term' && policy.terms !== undefined) ||
      (name === 'document' && policy.documents !== undefined) ||
      (name === 'pattern' && policy.patterns !== undefined)
    const plain: Exclude<CategoryRule, string> =
      typeof rule === 'object' ? rule : rule === undefined ? {} : { action: rule }
    treatments.set(name, {
      action: plain[direction] ?? plain.action ?? (listed && rule === undefined ? 'mask' : 'off'),
      style: ('style' in plain ? plain.style : undefined) ?? policy.style ?? 'tag',
    })
  }
  return treatments
}
