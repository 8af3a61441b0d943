// Every rule holds in its positive examples and in none of its negative ones.
import { describe, expect, test } from 'vitest'
import { Evaluator } from '../../lib/compliance/evaluate.ts'
import { checkRuleBook, defaultRuleBook, type RuleExample } from '../../lib/compliance/rule-book.ts'
import { MemoryWindows } from './memory-windows.ts'

const book = defaultRuleBook()
const evaluator = new Evaluator(book, book.exampleLists)
const hour = 3_600_000

async function rulesOf(example: RuleExample): Promise<Set<string>> {
  const windows = new MemoryWindows()
  const messages = typeof example === 'string' ? [{ text: example }] : [example].flat()
  const held = new Set<string>()
  for (const { text, at = 0, subject = 'someone', ...rest } of messages) {
    const date = new Date(Date.UTC(2025, 0, 1) + at * hour)
    const message = { requestId: 'r', direction: 'input' as const, text, subject, ...rest }
    for (const hit of await evaluator.hits(message, windows.of(subject, date))) held.add(hit.rule)
  }
  return held
}

for (const rule of book.rules)
  describe(rule.id, () => {
    test.each(rule.examples.positive.map(e => [e]))('holds: %j', async example => {
      expect(await rulesOf(example)).toContain(rule.id)
    })
    test.each(rule.examples.negative.map(e => [e]))('does not: %j', async example => {
      expect(await rulesOf(example)).not.toContain(rule.id)
    })
  })

test('a rule without five examples of each kind is refused', () => {
  const [rule] = book.rules
  const examples = { ...rule!.examples, negative: rule!.examples.negative.slice(1, 5) }
  expect(() => checkRuleBook({ ...book, rules: [{ ...rule, examples }] })).toThrow(/negative/)
})

test('two rules with one id are refused', () => {
  expect(() => checkRuleBook({ ...book, rules: [book.rules[0], book.rules[0]] })).toThrow(/id/)
})
