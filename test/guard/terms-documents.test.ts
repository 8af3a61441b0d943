// Users' terms and registered documents.
import { expect, test } from 'vitest'
import { createGuard } from '../../lib/guard/index.ts'
import { push } from './stream-texts.ts'

const found = (text: string, terms: string[]) =>
  createGuard({ categories: {}, terms })
    .scan(text)
    .matches.map(({ start, end }) => text.slice(start, end))

test('terms are found whole, in any case, over any blanks', () => {
  const terms = ['Project Falcon', '猎鹰计划', 'C++']
  expect(found('PROJECT\n falcon, 猎鹰计划书 and ＰＲＯＪＥＣＴ Falcon', terms)).toEqual([
    'PROJECT\n falcon',
    '猎鹰计划',
    'ＰＲＯＪＥＣＴ Falcon',
  ])
  expect(found('projects falcon, project falconry, preproject falcon', terms)).toEqual([])
  expect(found('use C++ or c++17', terms)).toEqual(['C++', 'c++'])
})

test('the longest of several terms counts', () => {
  expect(found('new york city hall', ['york', 'new york', 'new york city'])).toEqual([
    'new york city',
  ])
})

test('forty thousand terms are found like one', () => {
  const terms = Array.from({ length: 40_000 }, (_, i) => `codename ${i.toString(36)}q${i * 7}`)
  const text = [0, 123, 39_999].map(i => `x ${terms[i]!.toUpperCase()} y`).join('; ')
  expect(found(text, terms)).toEqual([0, 123, 39_999].map(i => terms[i]!.toUpperCase()))
})

const words = Array.from({ length: 400 }, (_, i) => `word${(i * 7919) % 401}`)
const guard = createGuard({ categories: {}, documents: [{ id: 'plan', text: words.join(' ') }] })

test('twenty words of a document are recognised, nineteen are not', () => {
  const inside = (count: number) =>
    guard.scan(`Look: ${words.slice(50, 50 + count).join(' ')} - that is it.`)
  expect(inside(19).matches).toEqual([])
  expect(inside(20).text).toBe('Look: [DOCUMENT] - that is it.')
  expect(inside(300).text).toBe('Look: [DOCUMENT] - that is it.')
})

test('spacing, case and punctuation do not hide a passage', () => {
  const text = words.slice(100, 130).map((w, i) => (i % 3 ? `${w},\n` : w.toUpperCase()))
  expect(guard.scan(`a ${text.join('  ')} b`).text).toMatch(/^a \[DOCUMENT\],?\s+b$/)
})

test('a passage that is cut and goes on elsewhere is found on both sides', () => {
  const text = `${words.slice(10, 40).join(' ')} ${words.slice(200, 230).join(' ')}`
  expect(guard.scan(text).text).toBe('[DOCUMENT] [DOCUMENT]')
})

test('no more is held back than the words that stand together in a document', () => {
  const policy = { categories: {}, documents: [words.join(' ')] }
  const { held } = push(policy, ['some other text ', `${words[5]} ${words[6]} `, 'else '])
  expect(held).toEqual([0, words[5]!.length + words[6]!.length + 2, 0])
})
