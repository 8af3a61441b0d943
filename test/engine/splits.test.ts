import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Answer } from '../../lib/engine/answer.ts'
import { resolveSampling } from '../../lib/sampling/params.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { vocabularies, vocabularyMissing } from '../tokenizer/vocabularies.ts'

const fixture: { texts: (string | [string, number])[] } = JSON.parse(
  readFileSync(new URL('../tokenizer/fixtures/parity.json', import.meta.url), 'utf8'),
)
const every = fixture.texts.filter(text => typeof text === 'string' && text !== '') as string[]
/** From every part of the fixture: characters of several tokens, marks, emoji, lone surrogates. */
const texts = every.filter((_, i) => i % 3 === 0).slice(0, 1000)
/** Texts of so many ids are cut in each of their 2^(n − 1) ways. */
const maxInAllWays = 8

const params = (vocabLimit: number) =>
  resolveSampling(
    { maxTokens: 1000, ignoreEos: true },
    {
      defaults: { temperature: 0, eosTokenIds: [] },
      vocabLimit,
      promptTokens: 1,
      maxContext: 10_000,
      randomSeed: () => 1n,
    },
  )

/** Bit i of a way: a chunk ends behind id i. */
function* waysOf(length: number): Generator<bigint> {
  const all = 1n << BigInt(length)
  if (length <= maxInAllWays) {
    for (let way = 0n; way < all >> 1n; way++) yield way
    return
  }
  yield 0n
  yield all - 1n
  for (let i = 0; i < length - 1; i++) yield 1n << BigInt(i)
}

function chunksOf(answer: Answer, ids: Uint32Array, way: bigint): string[] {
  const chunks: string[] = []
  ids.forEach((id, i) => {
    answer.push(id, 0, [])
    if ((way >> BigInt(i)) & 1n) chunks.push(answer.take()?.text ?? '')
  })
  return [...chunks, answer.finish()?.text ?? '']
}

test('three vocabularies, 1,000 texts', ({ skip }) => {
  expect(texts.length).toBe(1000)
  if (vocabularyMissing !== null) skip(vocabularyMissing)
})

describe.each([...vocabularies])('%s', (_, { tokenizer: file }) => {
  const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
  const sampling = params(tokenizer.vocabSize)

  test('chunks joined equal the one-shot decode in every split, never half a character', () => {
    const wrong: unknown[] = []
    let splits = 0
    for (const text of texts) {
      const ids = tokenizer.encode(text)
      const whole = tokenizer.decode(ids)
      for (const way of waysOf(ids.length)) {
        splits++
        const chunks = chunksOf(new Answer(sampling, tokenizer), ids, way)
        const halved = chunks.some(chunk => /\p{Surrogate}/u.test(chunk))
        if (chunks.join('') !== whole || halved) wrong.push({ text, way, chunks, whole })
      }
    }
    console.log(`${splits} splits of ${texts.length} texts`)
    expect(wrong[0]).toBeUndefined()
    expect(splits).toBeGreaterThan(20_000)
  })
})
