import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { qwen3 } from './qwen3.ts'
import { smallTokenizers } from './small.ts'

const fixture: { texts: (string | [string, number])[] } = JSON.parse(
  readFileSync(new URL('fixtures/parity.json', import.meta.url), 'utf8'),
)
const prose = fixture.texts.filter(text => typeof text === 'string')
const long = (units: number) => prose.join(' ').repeat(9).slice(0, units)

const bytes = (ids: Uint32Array) => Buffer.from(ids.buffer)

/** Most processor time between two turns, in ms, which other programs do not change much. */
async function longestTurn(text: string): Promise<number> {
  let [longest, turns, last] = [0, 0, process.cpuUsage()]
  const turn = () => {
    const { user, system } = process.cpuUsage(last)
    longest = Math.max(longest, (user + system) / 1000)
    last = process.cpuUsage()
    turns++
    next = setImmediate(turn)
  }
  let next = setImmediate(turn)
  const ids = await qwen3.encodeInSlices(text)
  clearImmediate(next)
  expect(ids.length).toBeGreaterThan(0)
  expect(turns).toBeGreaterThan(4)
  return longest
}

describe('a text in slices', () => {
  test.each([['qwen3', qwen3] as const, ...smallTokenizers])(
    '%s: the same ids, also where texts take turns',
    async (_, tokenizer) => {
      const texts = [long(1 << 18), 'a'.repeat(1 << 17), long(1 << 16), 'e\u0301'.repeat(70_000)]
      const inTurns = await Promise.all(texts.map(text => tokenizer.encodeInSlices(text)))
      texts.forEach((text, i) => {
        expect(bytes(tokenizer.encode(text)).equals(bytes(inTurns[i]!))).toBe(true)
      })
    },
  )

  test.each([
    ['prose', long(1 << 20)],
    ['one letter', 'a'.repeat(1 << 20)],
    ['blanks', ' '.repeat(1 << 20)],
    ['marks out of order', `a${'\u0301\u0323'.repeat(1 << 18)}`],
    ['emoji', '👩‍👩‍👧'.repeat(58_000)],
    ['Hangul in parts', '한국어'.normalize('NFD').repeat(1 << 16)],
  ])('1 MiB of %s leaves the event loop its turns', async (_, text) => {
    // A step that keeps the loop does so every time; a collection of garbage does not.
    const runs = [await longestTurn(text), await longestTurn(text), await longestTurn(text)]
    expect(Math.min(...runs)).toBeLessThan(250)
  })
})
