import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StopMatcher } from '../../lib/sampling/stop-strings.ts'

/** What is shown of a text that comes in `pieces`. */
function shown(stops: string[], pieces: string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops)
  let text = ''
  for (const piece of pieces) text += matcher.push(piece)
  return { text: text + matcher.finish(), stopped: matcher.stopped }
}

/**
 * The same by definition: the shortest beginning that ends in a stop string, without the longest
 * such one.
 */
function expected(stops: string[], text: string): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter(stop => text.slice(0, end).endsWith(stop))
    const longest = Math.max(...found.map(stop => stop.length))
    if (found.length > 0) return { text: text.slice(0, end - longest), stopped: true }
  }
  return { text, stopped: false }
}

describe('stop strings', () => {
  it('do not depend on where the text is cut', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(
        fc.array(letters, { minLength: 1, maxLength: 4 }),
        fc.array(letters, { maxLength: 12 }),
        (stops, pieces) => {
          expect(shown(stops, pieces)).toEqual(expected(stops, pieces.join('')))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('never show a part of themselves, however they are cut', () => {
    const text = 'one two END three'
    for (let i = 0; i <= text.length; i++)
      for (let j = i; j <= text.length; j++)
        expect(shown(['END'], [text.slice(0, i), text.slice(i, j), text.slice(j)])).toEqual({
          text: 'one two ',
          stopped: true,
        })
  })

  it('hold back only what may still become one, and give it out at the end', () => {
    const matcher = new StopMatcher(['\n\nUser:'])
    expect(matcher.push('a\n\nUs')).toBe('a')
    expect(matcher.push('ed')).toBe('\n\nUsed')
    expect(matcher.push('\n')).toBe('')
    expect(matcher.finish()).toBe('\n')
  })

  it('give nothing more once one is complete', () => {
    const matcher = new StopMatcher(['x'])
    expect(matcher.push('axb')).toBe('a')
    expect([matcher.push('c'), matcher.finish(), matcher.stopped]).toEqual(['', '', true])
  })

  it('may lie inside characters of two units', () => {
    expect(shown(['😀'], ['a\ud83d', '\ude00b'])).toEqual({ text: 'a', stopped: true })
  })
})
