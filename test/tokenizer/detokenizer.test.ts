import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Detokenizer } from '../../lib/tokenizer/detokenizer.ts'
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { qwen3 } from './qwen3.ts'
import { smallTokenizers } from './small.ts'

function pieces(tokenizer: Tokenizer, ids: Iterable<number>): string[] {
  const detokenizer = new Detokenizer(tokenizer)
  const out = Array.from(ids, id => detokenizer.push(id))
  return [...out, detokenizer.finish()]
}

const tokenizers: [string, Tokenizer][] = [['qwen3', qwen3], ...smallTokenizers]

describe.each(tokenizers)('%s', (_name, tokenizer) => {
  test('pieces joined equal the one-shot decode, and none ends in half a character', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(text, value => {
        const ids = tokenizer.encode(value)
        const parts = pieces(tokenizer, ids)
        expect(parts.join('')).toBe(tokenizer.decode(ids))
        for (const part of parts) expect(part).toBe(part.replace(/\p{Surrogate}/gu, ''))
      }),
      { numRuns: 1000, seed: 2 },
    )
  })

  test('any ids at all, specials and broken bytes among them', () => {
    const ids = fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 30 })
    fc.assert(
      fc.property(ids, value => {
        expect(pieces(tokenizer, value).join('')).toBe(tokenizer.decode(value))
      }),
      { numRuns: 1000, seed: 3 },
    )
  })

  test('cut anywhere, what was emitted stays', () => {
    const ids = Array.from(tokenizer.encode('中文🙂👩‍👩‍👧 e\u0301 ก็ Ⅷ'))
    const whole = tokenizer.decode(ids)
    for (let cut = 0; cut <= ids.length; cut++) {
      const detokenizer = new Detokenizer(tokenizer)
      const emitted = ids
        .slice(0, cut)
        .map(id => detokenizer.push(id))
        .join('')
      expect(whole.startsWith(emitted)).toBe(true)
      expect(emitted).not.toContain('\ufffd')
      expect(emitted + detokenizer.finish()).toBe(tokenizer.decode(ids.slice(0, cut)))
    }
  })
})

test('an open character waits, and ends as U+FFFD', () => {
  const ids = Array.from(qwen3.encode('𠜎'))
  expect(ids.length).toBeGreaterThan(1)
  const detokenizer = new Detokenizer(qwen3)
  expect(detokenizer.push(ids[0]!)).toBe('')
  expect(detokenizer.finish()).toBe('\ufffd')
})

test('special tokens are left out unless they are asked for', () => {
  const ids = [9707, 151645, 151668]
  expect(pieces(qwen3, ids).join('')).toBe('Hello</think>')
  const all = new Detokenizer(qwen3, { skipSpecialTokens: false })
  expect(ids.map(id => all.push(id)).join('') + all.finish()).toBe('Hello<|im_end|></think>')
})
