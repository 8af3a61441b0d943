// Whatever the chunks: the sum is the one-shot result, and no part of a match ever leaves.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createGuard, type GuardPolicy } from '../../lib/guard/index.ts'
import { corpus } from './corpus.ts'
import { cases } from './rule-cases.ts'
import { push } from './stream-texts.ts'

const passage =
  'the committee met on the third floor to discuss how the new bridge over the northern river ' +
  'should be paid for and who would look after it in winter'
const all: GuardPolicy = {
  categories: Object.fromEntries([...cases.keys()].map(category => [category, 'mask' as const])),
  terms: ['Project Falcon', '猎鹰计划', 'falcon nine', 'aa', 'aab', 'a a'],
  documents: [
    passage,
    '本合同由甲乙双方在平等自愿的基础上经友好协商一致签订并共同遵守以下各项条款',
  ],
}
const guard = createGuard(all)

const special = [
  `before ${passage.toUpperCase()} after`,
  `x ${passage.replaceAll(' ', '\n  ')} and so on; ${passage.slice(30)}`,
  '本合同由甲乙双方在平等 自愿的基础上，经友好协商一致签订并共同遵守以下，完毕',
  'Project  Falcon, project\nfalcon nine lives; PROJECT FALCONRY aab aa  a a aaab',
  '启动猎鹰\u200b计划书',
  '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY----- rest -----BEGIN x',
  '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30',
  `${'a'.repeat(70)}@b.com ${'x'.repeat(63)}@y.org ${'1'.repeat(60)}`,
  '😀😀 138😀00138000 a\u200b\u200bb\u200b@\u200bc.com \u200b13800138000\u200b',
]
const texts = [
  ...[...cases.values()].flatMap(({ yes, no }) => [...yes, ...no]),
  ...special,
  ...corpus('development', 60).map(({ text }) => text),
]

/** Nothing that left may go past the first match that is not yet masked. */
function check(text: string, chunks: string[]): void {
  const whole = guard.scan(text).text
  const { sum, prefixes } = push(all, chunks)
  expect(sum).toBe(whole)
  for (const prefix of prefixes) expect(whole.startsWith(prefix)).toBe(true)
}

describe('streaming equals one-shot', () => {
  test('for every split into two', () => {
    for (const text of texts)
      for (let cut = 1; cut < text.length; cut++) check(text, [text.slice(0, cut), text.slice(cut)])
  })

  test('character by character', () => {
    for (const text of texts) check(text, text.split(''))
  })

  test('for random splits of joined texts', () => {
    const joined = fc.array(fc.constantFrom(...texts), { minLength: 1, maxLength: 12 })
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 })
    const glue = fc.constantFrom('', ' ', '\n', ', ', '-', ':', '和')
    fc.assert(
      fc.property(joined, cuts, glue, (parts, sizes, between) => {
        const text = parts.join(between)
        check(text, split(text, sizes))
      }),
      { numRuns: 120 },
    )
  })

  test('for text made of the characters that rules start at', () => {
    const alphabet = '0123456789 -.:@/+=()aAeExXzH京市路号王小先生一二三,\n\u200b"_'.split('')
    const text = fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 120 })
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(text, cuts, (units, sizes) => {
        check(units.join(''), split(units.join(''), sizes))
      }),
      { numRuns: 800 },
    )
  })
})

function split(text: string, sizes: number[]): string[] {
  const chunks: string[] = []
  let at = 0
  for (let i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length]!
    chunks.push(text.slice(at, at + size))
    at += size
  }
  return chunks
}
