import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxMembers, parseJson } from '../../lib/files/json-slices.ts'
import { atOnce } from '../../lib/slices.ts'

/** The value, or the name of what was thrown. */
function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() }
  } catch (error) {
    return (error as Error).name
  }
}
const inPieces = (text: string, piece: number) => outcome(() => atOnce(parseJson(text, piece)))
const whole = (text: string) => outcome(() => JSON.parse(text))

const blank = fc.constantFrom('', ' ', '\n\t', '     ')
const keys = fc.oneof(
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', '7', '"', '\\', ',}'),
)
const values = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc
      .oneof(fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null))
      .map(v => JSON.stringify(v)),
    fc.tuple(fc.array(tie('value')), blank).map(([all, b]) => `[${all.join(`${b},`)}${b}]`),
    fc
      .tuple(fc.array(fc.tuple(keys, tie('value'))), blank)
      .map(
        ([all, b]) =>
          `{${b}${all.map(([k, v]) => JSON.stringify(k) + b + ':' + b + v).join(`,${b}`)}}`,
      ),
  ),
})).value as fc.Arbitrary<string>
const pieces = fc.integer({ min: 0, max: 40 })

describe('JSON in pieces', () => {
  test('takes as many members as can be listed in one go', () => {
    const members = (count: number) =>
      `{${Array.from({ length: count }, (_, i) => `"${i.toString(36)}":0`).join(',')}}`
    expect(Object.keys(atOnce(parseJson(members(maxMembers))) as object)).toHaveLength(maxMembers)
    expect(() => atOnce(parseJson(members(maxMembers + 1)))).toThrow(RangeError)
    const list = `[${'0,'.repeat(maxMembers)}0]`
    expect(atOnce(parseJson(list))).toHaveLength(maxMembers + 1)
  })

  test('is what JSON.parse gives', () => {
    fc.assert(
      fc.property(values, blank, pieces, (text, b, piece) => {
        const padded = b + text + b
        expect(inPieces(padded, piece)).toEqual(whole(padded))
      }),
      { numRuns: 1000 },
    )
  })

  test('fails where JSON.parse does, for texts with one thing changed', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('', ',', ']', '}', '[', '{', '"', '\\', ':', '1', ' '),
    )
    fc.assert(
      fc.property(values, change, pieces, (text, [place, put], piece) => {
        const at = place % (text.length + 1)
        const changed = text.slice(0, at) + put + text.slice(at + (place % 2))
        expect(inPieces(changed, piece)).toEqual(whole(changed))
      }),
      { numRuns: 3000 },
    )
  })

  test('keeps the order of keys, and the last of two', () => {
    const text = '{"b": 1, "a": [1, 2, 3, 4], "2": 0, "b": 5, "1": {"x": "yyyyyyyyyy"}, "a": 6}'
    for (let piece = 0; piece < 90; piece++)
      expect(JSON.stringify(atOnce(parseJson(text, piece)))).toBe(JSON.stringify(JSON.parse(text)))
  })

  test('says where a long text is malformed', () => {
    const text = `[${'"abc",'.repeat(1000)}1 2]`
    expect(() => atOnce(parseJson(text, 100))).toThrow('position 6003')
  })

  test('refuses long containers in each other without end', () => {
    const text = '['.repeat(40) + '1'.repeat(200) + ']'.repeat(40)
    expect(() => atOnce(parseJson(text, 100))).toThrow(SyntaxError)
  })
})
