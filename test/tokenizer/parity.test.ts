import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { smallFixture, smallTokenizers } from './small.ts'
import { vocabularies, vocabularyMissing } from './vocabularies.ts'

interface Rows {
  /** Of the tokenizer.json that the ids are from. */
  sha256: string
  plain: string[]
  control: Record<string, string>
}

const fixture: { texts: (string | [string, number])[]; ids: Record<string, Rows> } = JSON.parse(
  readFileSync(new URL('fixtures/parity.json', import.meta.url), 'utf8'),
)
const defaultFile = new URL('../../default-model/tokenizer.json', import.meta.url)

function unpack(packed: string): number[] {
  const ids: number[] = []
  let value = 0
  let shift = 0
  for (const byte of Buffer.from(packed, 'base64')) {
    value |= (byte & 127) << shift
    shift += 7
    if (byte < 128) {
      ids.push(value)
      value = 0
      shift = 0
    }
  }
  return ids
}

const names = Object.keys(fixture.ids).filter(name => vocabularies.has(name))

test('three vocabularies', ({ skip }) => {
  expect(Object.keys(fixture.ids).sort()).toEqual(['default', 'qwen3', 'smollm2'])
  if (vocabularyMissing !== null) skip(vocabularyMissing)
})

test('default-model/tokenizer.json is the file of the fixture', ({ skip }) => {
  if (!vocabularies.has('default')) skip('default-model/ has no tokenizer.json')
  const hash = createHash('sha256').update(readFileSync(defaultFile)).digest('hex')
  expect(hash, 'run test/tokenizer/make_fixtures.py again').toBe(fixture.ids.default?.sha256)
})

describe.each(names)('ids equal the Hugging Face tokenizers: %s', name => {
  const rows = fixture.ids[name]!
  const tokenizer = Tokenizer.fromFiles({ tokenizer: vocabularies.get(name)!.tokenizer })

  test('plain text', () => {
    const different: unknown[] = []
    fixture.texts.forEach((text, i) => {
      if (typeof text !== 'string') return
      const ids = Array.from(tokenizer.encode(text))
      const expected = unpack(rows.plain[i]!)
      if (ids.join() !== expected.join()) different.push({ text, ids, expected })
    })
    expect(different).toEqual([])
  })

  test('with control tokens', () => {
    const different: unknown[] = []
    fixture.texts.forEach((text, i) => {
      if (typeof text !== 'string') return
      const ids = Array.from(tokenizer.encode(text, { controlTokens: true }))
      const expected = unpack(rows.control[i] ?? rows.plain[i]!)
      if (ids.join() !== expected.join()) different.push({ text, ids, expected })
    })
    expect(different).toEqual([])
  })

  test('100 kB of one piece', () => {
    fixture.texts.forEach((text, i) => {
      if (typeof text === 'string') return
      const ids = tokenizer.encode(text[0].repeat(text[1]))
      const hash = createHash('sha256').update(new Uint8Array(ids.buffer)).digest('hex')
      expect(hash, JSON.stringify(text[0])).toBe(rows.plain[i])
    })
  })
})

const shortHash = (data: Uint8Array | string) =>
  createHash('sha256').update(data).digest('hex').slice(0, 8)

describe.each(smallTokenizers)('ids and texts equal, small tokenizer: %s', (name, tokenizer) => {
  const rows = smallFixture[name]!
  const texts = fixture.texts.filter(text => typeof text === 'string')
  const differing = (expected: string[], answer: (text: string) => Uint8Array | string) =>
    texts.filter((text, i) => shortHash(answer(text)) !== expected[i])
  const bytes = (ids: Uint32Array) => new Uint8Array(ids.buffer)

  test('plain text', () => {
    expect(differing(rows.plain, text => bytes(tokenizer.encode(text)))).toEqual([])
  })

  test('with control tokens', () => {
    const encode = (text: string) => bytes(tokenizer.encode(text, { controlTokens: true }))
    expect(differing(rows.control, encode)).toEqual([])
  })

  test('decoded', () => {
    expect(differing(rows.decoded, text => tokenizer.decode(tokenizer.encode(text)))).toEqual([])
  })
})

test('the fixture holds at least 3,000 texts', () => {
  expect(fixture.texts.length).toBeGreaterThanOrEqual(3000)
})
