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

test('words that were cut in two or joined do not hide a passage', () => {
  const passage = words.slice(100, 125)
  const cut = passage.map(word => `${word.slice(0, 3)} ${word.slice(3)}`).join(' ')
  const broken = passage.join(' ').replace(/.{13}/g, '$&-\n')
  const lines = passage.join('')
  for (const text of [cut, broken, lines, passage.join('\u200b')])
    expect(guard.scan(`See: ${text}. Is it?`).text).toBe('See: [DOCUMENT]. Is it?')
  const few = words.slice(100, 119)
  for (const text of [
    few.join(''),
    few.map(word => `${word.slice(0, 3)} ${word.slice(3)}`).join(' '),
  ])
    expect(guard.scan(`See: ${text}. Is it?`).matches).toEqual([])
})

test('a passage begins and ends with whole words of the document', () => {
  const text = `sub${words[60]!.slice(3)} ${words.slice(61, 85).join(' ')} ${words[85]!.slice(0, 3)}k`
  const [start, end] = [text.indexOf(words[61]!), text.lastIndexOf(words[84]!) + words[84]!.length]
  expect(guard.scan(text).matches).toMatchObject([{ start, end, category: 'document' }])
})

test('passages are found in any of many documents, and none across two', () => {
  const texts = Array.from({ length: 200 }, (_, i) =>
    Array.from({ length: 60 }, (_, k) => `item${(i * 31 + k * 17) % 997}`),
  )
  const many = createGuard({ categories: {}, documents: texts.map(one => one.join(' ')) })
  for (const one of texts.slice(0, 40))
    expect(many.scan(`x ${one.slice(20, 45).join(' ')} y`).text).toBe('x [DOCUMENT] y')
  const across = [...texts[3]!.slice(-15), ...texts[4]!.slice(0, 15)].join(' ')
  expect(many.scan(`x ${across} y`).matches).toEqual([])
})

test('documents of too many letters are refused', () => {
  const text = 'a'.repeat(5_000_001)
  expect(() => createGuard({ categories: {}, documents: [text, text] })).toThrow(/10000000 letters/)
})

test('a passage that is cut and goes on elsewhere is found on both sides', () => {
  const text = `${words.slice(10, 40).join(' ')} ${words.slice(200, 230).join(' ')}`
  expect(guard.scan(text).text).toBe('[DOCUMENT] [DOCUMENT]')
})

test('no more is held back than the words that stand together in a document', () => {
  const policy = { categories: {}, documents: [words.join(' ')] }
  const { held } = push(policy, ['some other text ', `${words[5]} ${words[6]} `, 'else '])
  expect(held).toEqual([0, words[5]!.length + words[6]!.length + 2, 0])
  const long = push(
    policy,
    words.slice(0, 399).map(word => `${word} `),
  )
  expect(long.sum).toBe('[DOCUMENT] ')
})
