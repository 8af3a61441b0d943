/**
 * The rules as data: a JSON file of conditions, each rule with its examples.
 * @module
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ConclaveError } from '../errors.ts'
import mar from './rules/insider-dealing.json' with { type: 'json' }
import aml from './rules/money-laundering.json' with { type: 'json' }

const leastExamples = 5
const id = z.string().regex(/^[a-z][a-z0-9_.-]{1,60}$/)
const phrases = z.array(z.string().min(1).max(200)).min(1).max(5000)

/** Phrases of the rule (`*` at the end of a word: any ending), or a list of the deployment. */
const source = z.union([
  z.strictObject({ phrases }),
  z.strictObject({ list: z.literal('restricted') }),
])

const within = z.int().min(1).max(200)
const hours = z
  .number()
  .positive()
  .max(24 * 366)
const currency = z.string().regex(/^([A-Z]{3})?$/)

const condition = z.discriminatedUnion('kind', [
  /** Something of each source, all within so many words. */
  z.strictObject({ kind: z.literal('near'), sources: z.array(source).min(1).max(6), within }),
  /** A topic passes between two groups that a barrier separates. */
  z.strictObject({ kind: z.literal('barrier'), topics: source }),
  /** Several sums of one subject, each just under a threshold. */
  z.strictObject({
    kind: z.literal('structuring'),
    about: source,
    thresholds: z.array(z.strictObject({ amount: z.number().positive(), currency })).min(1),
    /** Of the threshold: 0.7 takes 7,000 … 9,999 under 10,000. */
    share: z.number().min(0.1).max(0.99),
    count: z.int().min(2).max(50),
    hours,
    within,
  }),
  /** Money that arrives and leaves at once. */
  z.strictObject({
    kind: z.literal('in_and_out'),
    arrives: source,
    leaves: source,
    least: z.number().positive(),
    share: z.number().min(0.1).max(1),
    hours,
    within,
  }),
  /** A name of the deployment's sanctions list, in any spelling. */
  z.strictObject({ kind: z.literal('sanctions'), similarity: z.number().min(0.5).max(1) }),
])

const exampleMessage = z.strictObject({
  text: z.string(),
  /** Hours after the first message. */
  at: z.number().min(0).optional(),
  subject: z.string().optional(),
  group: z.string().optional(),
  to: z.array(z.string()).optional(),
})
const example = z.union([z.string(), exampleMessage, z.array(exampleMessage).min(1)])

const rule = z.strictObject({
  id,
  regime: z.enum(['insider_dealing', 'money_laundering']),
  /** 0 … 1. */
  score: z.number().min(0).max(1),
  /** One sentence for whoever reviews. */
  explanation: z.string().min(20),
  /** Days from the first hit to the date by which a person should have decided. */
  deadlineDays: z.int().min(1).max(365),
  when: condition,
  /** Where one of these stands within so many words of the hit, it is none. */
  unless: z.strictObject({ phrases, within }).optional(),
  examples: z.strictObject({
    positive: z.array(example).min(leastExamples),
    negative: z.array(example).min(leastExamples),
  }),
})

const lists = z.strictObject({
  /** Issuers in whose securities nobody here may deal. */
  restricted: z
    .array(
      z.strictObject({
        id,
        name: z.string().min(2),
        aliases: z.array(z.string().min(2)).optional(),
        tickers: z.array(z.string().min(1)).optional(),
        isins: z.array(z.string().length(12)).optional(),
      }),
    )
    .max(50_000)
    .optional(),
  sanctions: z
    .array(z.strictObject({ id, names: z.array(z.string().min(2)).min(1), list: z.string() }))
    .max(200_000)
    .optional(),
  /** Pairs of groups between which restricted topics do not pass, in either direction. */
  barriers: z
    .array(z.tuple([z.string(), z.string()]))
    .max(1000)
    .optional(),
})

const bookSchema = z.strictObject({
  version: z.string().min(1),
  rules: z.array(rule).max(1000),
  /** The lists that the examples speak of. */
  exampleLists: lists,
})

export type RuleBook = z.infer<typeof bookSchema>
export type Rule = z.infer<typeof rule>
export type Condition = z.infer<typeof condition>
export type Source = z.infer<typeof source>
export type Regime = Rule['regime']
/** A deployment's own restricted issuers, sanctioned names and barriers. */
export type Lists = z.infer<typeof lists>
export type RuleExample = z.infer<typeof example>

/** @internal What `schema` makes of `value`; throws `invalid_request`. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const path = issue.path.join('.') || 'it'
  throw new ConclaveError(
    'invalid_request',
    `Expected ${what}, but ${path} is not right: ${issue.message}. Correct it.`,
    { path: issue.path.map(String) },
  )
}

/**
 * Checks a rule book, which may come from a JSON file; throws `invalid_request`.
 * @example
 * const book = checkRuleBook(JSON.parse(readFileSync('rules.json', 'utf8')))
 */
export function checkRuleBook(value: unknown): RuleBook {
  const book = checked(bookSchema, value, 'a rule book')
  const ids = new Set(book.rules.map(one => one.id))
  if (ids.size < book.rules.length)
    throw new ConclaveError(
      'invalid_request',
      'Expected rules with different ids, but two have the same. Rename one.',
    )
  return book
}

/** Checks the lists of a deployment; throws `invalid_request`. */
export const checkLists = (value: unknown): Lists => checked(lists, value, 'compliance lists')

/** Rules that come with the package, and those of `more`. */
export function defaultRuleBook(more?: RuleBook): RuleBook {
  const books = [mar, aml, ...(more === undefined ? [] : [more])].map(checkRuleBook)
  return checkRuleBook({
    version: books.map(book => book.version).join('+'),
    rules: books.flatMap(book => book.rules),
    exampleLists: mergeLists(books.map(book => book.exampleLists)),
  })
}

function mergeLists(all: readonly Lists[]): Lists {
  return {
    restricted: all.flatMap(one => one.restricted ?? []),
    sanctions: all.flatMap(one => one.sanctions ?? []),
    barriers: all.flatMap(one => one.barriers ?? []),
  }
}

/** SHA-256 of plain data, as it stands in reports. */
export const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex')
