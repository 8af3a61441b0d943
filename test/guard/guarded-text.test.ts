// JSON under masks: valid, masked within its strings, the same for every cut; directions; counts.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { guardedText } from '../../lib/guard/guard.ts'
import { createGuard } from '../../lib/guard/index.ts'

const guard = createGuard('default')
const inPieces = (pieces: readonly string[]) => {
  const text = guardedText(guard, 'output')
  return pieces.map(piece => text.push(piece)).join('') + text.end()
}
const values = [
  '138 0013 8000',
  'anna@example.com',
  '6222021234567890128',
  'sk-abcdefghijklmnop1234567890',
]

test('strings are masked in place, numbers become 0', () => {
  const value = {
    phone: 13800138000,
    note: 'ring "138 0013 8000"\nor write to anna@example.com',
    nested: [{ password: 'hunter22!' }, true, null, -1.5],
  }
  const { text } = guard.scanJson(JSON.stringify(value))
  expect(JSON.parse(text)).toEqual({
    phone: 0,
    note: 'ring "[PHONE]"\nor write to [EMAIL]',
    nested: [{ password: '[SECRET]' }, true, null, -1.5],
  })
})

test('escapes hide nothing', () => {
  const hidden = '{"a":"\\u0031380\\u0030138000","b":"anna\\u0040example.com"}'
  expect(JSON.parse(guard.scanJson(hidden).text)).toEqual({ a: '[PHONE]', b: '[EMAIL]' })
})

test('what is not hidden keeps its way of writing', () => {
  const text = '{ "a" : "tab\\there \\u00e9 \\/", "b": [1e3, 2.50] }'
  expect(guard.scanJson(text).text).toBe(text)
})

test('a tool call in an answer, prose around it', () => {
  const answer =
    '<think>\nhis number is 13800138000\n</think>\n\nCalling.\n<tool_call>\n' +
    '{"name": "ring", "arguments": {"phone": 13800138000, "to": "anna@example.com"}}\n</tool_call>'
  const { text } = guard.scanJson(answer)
  expect(text).toContain('his number is [PHONE]\n')
  const call = /<tool_call>\n(.*)\n<\/tool_call>/.exec(text)![1]!
  expect(JSON.parse(call).arguments).toEqual({ phone: 0, to: '[EMAIL]' })
})

test('a passage over several strings leaves valid JSON', () => {
  const words = Array.from({ length: 40 }, (_, i) => `word${'abcdefgh'[i % 8]}${i}`)
  const own = createGuard({ categories: {}, documents: [words.join(' ')] })
  const json = JSON.stringify([words.slice(0, 15).join(' '), words.slice(15).join(' ')])
  const { text } = own.scanJson(json)
  expect(JSON.parse(text)).toEqual(['[DOCUMENT]', ''])
})

test.each([
  ['[anna@example.com]', '[[EMAIL]]'],
  ['{ write to anna@example.com or 13800138000 }', '{ write to [EMAIL] or [PHONE] }'],
  ['{mail: anna@example.com, n: 13800138000, ok: true}', '{mail: [EMAIL], n: 0, ok: true}'],
  ['[true@example.com, null, 12ab@example.com]', '[[EMAIL], null, [EMAIL]]'],
  ['{"a": 1} then anna@example.com', '{"a": 1} then [EMAIL]'],
  ['{"a": [1e3, 13800138000]} x', '{"a": [1e3, 0]} x'],
  ['{"a": "anna@example.com', '{"a": "[EMAIL]'],
])('what only looks like JSON hides nothing: %s', (text, masked) => {
  expect(guard.scanJson(text).text).toBe(masked)
  expect(inPieces(text.split(''))).toBe(masked)
})

test('a term that is a literal leaves valid JSON', () => {
  const own = createGuard({ categories: {}, terms: ['true', 'secret plan'] })
  const text = own.scanJson('{"a": true, "b": "a secret plan", "c": "true"}').text
  expect(JSON.parse(text)).toEqual({ a: true, b: 'a [TERM]', c: '[TERM]' })
})

const leaf = fc.oneof(
  fc.constantFrom(...values),
  fc.string({ maxLength: 12 }),
  fc.integer(),
  fc.constantFrom(13800138000, 6222021234567890, null, true),
)
const { tree } = fc.letrec(tie => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('phone', 'password', 'x', 'a"b'), tie('tree'), { maxKeys: 3 }),
  ),
}))

test('any JSON stays valid and is the same however it is cut', () => {
  fc.assert(
    fc.property(fc.array(tree, { minLength: 1 }), fc.infiniteStream(fc.nat(9)), (value, cuts) => {
      const json = JSON.stringify(value)
      const whole = guard.scanJson(json).text
      JSON.parse(whole)
      for (const secret of values) expect(whole).not.toContain(secret)
      const pieces: string[] = []
      for (let at = 0; at < json.length; ) {
        const length = 1 + cuts.next().value
        pieces.push(json.slice(at, at + length))
        at += length
      }
      expect(inPieces(pieces)).toBe(whole)
      expect(inPieces(json.split(''))).toBe(whole)
    }),
    { numRuns: 300 },
  )
})

test('what was masked is known by where it came', () => {
  const text = guardedText(guard, 'output')
  text.push('{"a":"\\u0031380013800')
  expect(text.released).toBe(6)
  text.push('0", "b": 1}')
  text.end()
  expect(text.hides(6, 7)).toBe(true)
  expect(text.hides(0, 6)).toBe(false)
  expect(text.hides(22, 30)).toBe(false)
  expect(text.released).toBe(32)
})

test('directions have actions of their own, and finds are counted', () => {
  const both = createGuard({
    categories: { phone: { input: 'score', output: 'block' }, email: 'mask' },
  })
  const text = 'ring 13800138000 or anna@example.com'
  expect(both.scan(text, 'input')).toMatchObject({
    text: 'ring 13800138000 or [EMAIL]',
    blocked: false,
  })
  expect(both.scan(text)).toMatchObject({ text: 'ring ', blocked: true })
  expect(both.counts()).toContainEqual({
    category: 'phone',
    action: 'score',
    direction: 'input',
    count: 1,
  })
  expect(both.counts()).toContainEqual({
    category: 'phone',
    action: 'block',
    direction: 'output',
    count: 1,
  })
})
