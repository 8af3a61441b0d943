// Users' patterns: found whatever the chunks, refused where they cannot be linear, and linear.
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { createGuard, type GuardPolicy } from '../../lib/guard/index.ts'
import { push } from './stream-texts.ts'

const policy = (
  ...patterns: (string | { pattern: string; ignoreCase: boolean })[]
): GuardPolicy => ({
  categories: {},
  patterns: patterns.map((one, i) => ({
    id: `p${i}`,
    ...(typeof one === 'string' ? { pattern: one } : one),
  })),
})
const mask = (text: string, ...patterns: Parameters<typeof policy>) =>
  createGuard(policy(...patterns)).scan(text).text

describe('patterns', () => {
  test('are masked, and named in what is found', () => {
    const guard = createGuard(policy('PRJ-\\d{4,6}', { pattern: 'falcon', ignoreCase: true }))
    const { text, matches } = guard.scan('See PRJ-12345 and FALCON.\nPRJ-1 is none.')
    expect(text).toBe('See [PATTERN] and [PATTERN].\nPRJ-1 is none.')
    expect(matches).toMatchObject([
      { category: 'pattern', rule: 'p0', start: 4, end: 13 },
      { category: 'pattern', rule: 'p1', start: 18, end: 24 },
    ])
    const block = { ...policy('PRJ-\\d+'), categories: { pattern: 'block' as const } }
    expect(createGuard(block).scan('See PRJ-1!')).toMatchObject({ text: 'See ', blocked: true })
    expect(JSON.parse(guard.scanJson('{"a": "P\\u0052J-12345"}').text)).toEqual({ a: '[PATTERN]' })
  })

  test('a match over the pieces of a long line, and other finds beside it', () => {
    for (const before of [4090, 4091, 4096, 4000, 3584, 3585, 9000]) {
      const text = `${'x '.repeat(before / 2)}${before % 2 ? 'y' : ''}PRJ-123456 and 13800138000`
      const own = { ...policy('PRJ-\\d{6}'), categories: { phone: 'mask' as const } }
      const { text: out, matches } = createGuard(own).scan(text)
      expect(out.endsWith('PRJ-123456')).toBe(false)
      expect(out.slice(-22)).toBe('[PATTERN] and [PHONE]'.padStart(22, out.at(-22)))
      expect(matches).toHaveLength(2)
    }
  })

  test('the same for every cut, and nothing of a match leaves before', () => {
    const own = policy('PRJ-\\d+', 'a.*z', '^top secret', 'end$')
    const text = 'PRJ-12 a b z\ntop secret: a z PRJ-9\r\nnot top secret end\nPRJ-77 the end'
    const whole = createGuard(own).scan(text).text
    expect(whole).not.toMatch(/PRJ|a b z|the end/)
    for (let cut = 1; cut < text.length; cut++) {
      const { sum, prefixes } = push(own, [text.slice(0, cut), text.slice(cut)])
      expect(sum).toBe(whole)
      for (const prefix of prefixes) expect(whole.startsWith(prefix)).toBe(true)
    }
    const each = push(own, text.split(''))
    expect(each.sum).toBe(whole)
    for (const prefix of each.prefixes) expect(whole.startsWith(prefix)).toBe(true)
  })

  test.each([
    '(a)\\1',
    '(?=a)b',
    '(?<=a)b',
    '(?<!a)b',
    '(',
    'a{2000}',
    '(a{1000}){1000}',
    'x*',
    '[',
    '\\p{Nope}',
  ])('%s is refused', pattern => {
    expect(() => createGuard(policy(pattern))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    )
  })

  test('what is no pattern is refused', () => {
    for (const patterns of [[{ id: 'a b', pattern: 'x' }], [{ id: 'a' }], ['x'], 'x'])
      expect(() => createGuard({ categories: {}, patterns } as never)).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      )
  })
})

test.each([
  ['(a+)+b', 'a'],
  ['(a|aa)+b', 'a'],
  ['(.*)*x', 'ab'],
  ['(\\w+\\s?)+\\d', 'word '],
  ['(a|b)*c(a|b)*d', 'ab\n'],
])(
  'a megabyte for %s: the engine reads each character a bounded number of times',
  (pattern, seed) => {
    // Backtracking would read each start of a line anew: characters given to the engine are counted.
    let given = 0
    const matcher = RE2JS.prototype.matcher
    RE2JS.prototype.matcher = function (this: RE2JS, text: string) {
      given += text.length
      return matcher.call(this, text)
    } as typeof matcher
    try {
      const text = seed.repeat(Math.ceil(2 ** 20 / seed.length))
      const guard = createGuard(policy(pattern))
      given = 0
      expect(guard.scan(text).matches).toEqual([])
      expect(given).toBeLessThan(1.2 * text.length)
      given = 0
      push(policy(pattern), text.slice(0, 2 ** 16).match(/[\s\S]{1,7}/g)!)
      expect(given).toBeLessThan(1.2 * 2 ** 16)
    } finally {
      RE2JS.prototype.matcher = matcher
    }
  },
  120_000,
)

test('a text without the pattern stays', () => {
  const text = `${'no match here. '.repeat(700)}\n\n${'Zeile\r\n'.repeat(50)}😀`
  expect(mask(text, 'PRJ-\\d+')).toBe(text)
})
