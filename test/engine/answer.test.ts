import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Answer, type GenerationChunk } from '../../lib/engine/answer.ts'
import type { GenerateOptions } from '../../lib/sampling/options.ts'
import { resolveSampling } from '../../lib/sampling/params.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'

// Byte-level: 256 tokens, one a byte, and an end token.
const file = JSON.parse(readFileSync(join(import.meta.dirname, 'byte-tokenizer.json'), 'utf8'))
const tokenizer = Tokenizer.fromFiles({ tokenizer: file })

function answerTo(ids: readonly number[], options: GenerateOptions = {}) {
  const params = resolveSampling(options, {
    defaults: { temperature: 0, eosTokenIds: [] },
    vocabLimit: tokenizer.vocabSize,
    promptTokens: 1,
    maxContext: 10_000,
    randomSeed: () => 1n,
  })
  const answer = new Answer(params, tokenizer)
  const chunks: GenerationChunk[] = []
  const keep = (chunk: GenerationChunk | undefined) => chunk && chunks.push(chunk)
  let reason: string | undefined
  for (const id of ids) {
    reason = answer.push(id, -0.5, [{ tokenId: id, logprob: -0.5 }])
    if (reason !== undefined) break
    keep(answer.take())
  }
  keep(answer.finish())
  return { chunks, reason, text: chunks.map(c => c.text).join('') }
}

/** One token a byte. */
const bytesOf = (text: string) => Array.from(Buffer.from(text), byte => byteIds[byte]!)
const byteIds = Array.from({ length: 256 }, (_, byte) =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => id).find(id => {
    const bytes = tokenizer.tokenBytes(id)
    return bytes.length === 1 && bytes[0] === byte
  }),
)

describe('an answer', () => {
  it('shows whole characters only, with their ids', () => {
    const { chunks } = answerTo(bytesOf('a字😀é'))
    expect(chunks.map(c => [c.text, c.tokenIds.length])).toEqual([
      ['a', 1],
      ['字', 3],
      ['😀', 4],
      ['é', 2],
    ])
  })

  it('ends inside a character with what a decoder makes of it', () => {
    const ids = bytesOf('ok😀').slice(0, 4)
    const { text, chunks } = answerTo(ids)
    expect(text).toBe(tokenizer.decode(ids))
    expect(chunks.flatMap(c => c.tokenIds)).toEqual(ids)
  })

  it('joined equals the one-shot decode, for any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }), bytes => {
        const ids = bytes.map(byte => byteIds[byte]!)
        const { text, chunks } = answerTo(ids)
        expect(text).toBe(tokenizer.decode(ids))
        expect(chunks.flatMap(c => c.tokenIds)).toEqual(ids)
      }),
    )
  })

  it('never shows a part of a stop string, not even one inside a character', () => {
    const text = '一二 stop 三'
    for (const [stop, shown] of [
      ['stop', '一二 '],
      [' s', '一二'],
      ['二', '一'],
      ['三', '一二 stop '],
    ]) {
      const { chunks, reason, text: all } = answerTo(bytesOf(text), { stop: [stop!] })
      expect([all, reason]).toEqual([shown, 'stop'])
      for (const chunk of chunks) expect(stop!.startsWith(chunk.text) && chunk.text).toBeFalsy()
    }
  })

  it('gives out what a stop string held back when the answer ends', () => {
    const { text, reason } = answerTo(bytesOf('one sto'), { stop: ['stop'] })
    expect([text, reason]).toEqual(['one sto', undefined])
  })

  it('does not look for stop strings before minTokens are out', () => {
    const { text } = answerTo(bytesOf('x1x2x3'), { stop: ['x'], minTokens: 3 })
    expect(text).toBe('x1x2')
    expect(answerTo(bytesOf('x1'), { stop: ['x'] }).text).toBe('')
  })

  it('counts the end id but adds no text of it', () => {
    const ids = bytesOf('ab!c')
    const { text, chunks, reason } = answerTo(ids, { stopTokenIds: [ids[2]!] })
    expect([text, reason]).toEqual(['ab', 'stop'])
    expect(chunks.flatMap(c => c.tokenIds)).toEqual(ids.slice(0, 3))
  })

  it('has a log-probability for each id', () => {
    const { chunks } = answerTo(bytesOf('字a'), { logprobs: 1 })
    expect(chunks.map(c => c.logprobs!.length)).toEqual([3, 1])
    expect(chunks[1]!.logprobs![0]).toEqual({
      tokenId: bytesOf('a')[0],
      text: 'a',
      logprob: -0.5,
      top: [{ tokenId: bytesOf('a')[0], text: 'a', logprob: -0.5 }],
    })
  })
})
