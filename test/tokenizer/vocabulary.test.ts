import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { atOnce } from '../../lib/slices.ts'
import { TextList } from '../../lib/tokenizer/text-list.ts'
import { Vocabulary } from '../../lib/tokenizer/vocabulary.ts'

afterEach(() => vi.restoreAllMocks())

/** UTF-16 of all kinds, lone surrogates too. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('a', 'Ġ', '\0', '\ud83d', '\ude00', '\ufeff', '한') }),
)

describe('texts in one piece', () => {
  test('strings come back as they were', () => {
    fc.assert(
      fc.property(fc.array(text), texts => {
        const list = atOnce(TextList.of(texts))
        expect([...list]).toEqual(texts)
        expect(JSON.parse(JSON.stringify({ list }))).toEqual({ list: texts })
      }),
    )
  })

  test('bytes become the text that Node makes of them', () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x41, 0xc4, 0xa0, 0xe2, 0x82, 0xac, 0xf0))
    const bytes = fc.oneof(
      text.map(s => Buffer.from(s)),
      fc.array(byte, { maxLength: 9 }).map(list => Buffer.from(list)),
    )
    fc.assert(
      fc.property(fc.array(bytes), pieces => {
        const offsets = [0]
        for (const piece of pieces) offsets.push(offsets.at(-1)! + piece.length)
        const list = atOnce(TextList.ofUtf8(Buffer.concat(pieces), Uint32Array.from(offsets)))
        expect([...list]).toEqual(pieces.map(piece => piece.toString('utf8')))
      }),
    )
  })
})

describe('a vocabulary', () => {
  test('answers as a Map does', () => {
    const ids = fc.uniqueArray(fc.nat(300), { minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), ids, text, (texts, ids, other) => {
        const vocab = new Vocabulary(atOnce(TextList.of(texts)))
        const map = new Map<string, number>()
        for (const [place, token] of texts.entries()) {
          expect(vocab.add(place, ids[place]!)).toBe(!map.has(token))
          if (!map.has(token)) map.set(token, ids[place]!)
        }
        expect(vocab.size).toBe(map.size)
        expect(vocab.idLimit).toBe(Math.max(0, ...[...map.values()].map(id => id + 1)))
        for (const token of [...texts, other]) expect(vocab.get(token)).toBe(map.get(token))
        const byId = new Map([...map].map(([token, id]) => [id, token]))
        for (let id = 0; id < 302; id++) {
          expect(vocab.text(id)).toBe(byId.get(id))
          expect(vocab.hasId(id)).toBe(byId.has(id))
        }
        expect(Object.fromEntries(vocab)).toEqual(Object.fromEntries(map))
        expect(JSON.parse(JSON.stringify(vocab))).toEqual(Object.fromEntries(map))
      }),
    )
  })

  test('tokens that were made to meet in one place are refused', () => {
    // With the seed known, as no file knows it, texts whose hashes end alike are soon found.
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const seed = (0.5 * 0x7fffffff) | 1
    const hash = (text: string) => {
      let h = seed
      for (let i = 0; i < text.length; i++) {
        h = Math.imul(h ^ text.charCodeAt(i), 0x9e3779b1)
        h ^= h >>> 15
      }
      return h
    }
    const meeting: string[] = []
    for (let i = 0; meeting.length < 1100; i++) {
      const token = i.toString(36)
      if ((hash(token) & 0x7ff) === 0) meeting.push(token)
    }
    const build = () => {
      const vocab = new Vocabulary(atOnce(TextList.of(meeting)))
      for (const place of meeting.keys()) vocab.add(place, place)
    }
    expect(build).toThrow(expect.objectContaining({ code: 'invalid_file' }))
    vi.restoreAllMocks()
    expect(build).not.toThrow()
  })
})
