// The automaton against looking for every run in every sequence.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SuffixAutomaton } from '../../lib/guard/suffix-automaton.ts'

const sequence = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 })

function automatonOf(sequences: readonly (readonly number[])[]): SuffixAutomaton {
  const automaton = new SuffixAutomaton(sequences.flat().length)
  for (const one of sequences) {
    automaton.begin()
    for (const symbol of one) automaton.add(symbol)
  }
  return automaton
}

/** Number of the symbol at which `run` first ends, counted over all sequences; -1: nowhere. */
function firstEnd(sequences: readonly (readonly number[])[], run: readonly number[]): number {
  let before = 0
  for (const one of sequences) {
    const at = one.join('').indexOf(run.join(''))
    if (at >= 0) return before + at + run.length - 1
    before += one.length
  }
  return -1
}

test('the longest run up to each symbol, and where it first ends', () => {
  fc.assert(
    fc.property(fc.array(sequence, { minLength: 1, maxLength: 5 }), sequence, (sequences, text) => {
      const automaton = automatonOf(sequences)
      const cursor = { state: 0, length: 0 }
      text.forEach((symbol, i) => {
        automaton.follow(cursor, symbol)
        let length = i + 1
        while (length > 0 && firstEnd(sequences, text.slice(i + 1 - length, i + 1)) < 0) length--
        expect(cursor.length).toBe(length)
        const run = text.slice(i + 1 - length, i + 1)
        if (length > 0) expect(automaton.end(cursor.state)).toBe(firstEnd(sequences, run))
      })
    }),
    { numRuns: 500 },
  )
})

test('a sequence that repeats itself fits its arrays', () => {
  for (const text of [
    'a'.repeat(5000),
    'ab'.repeat(2500),
    'abbb'.repeat(1000),
    'aab'.repeat(1700),
  ]) {
    const symbols = [...text].map(unit => unit.charCodeAt(0))
    const automaton = automatonOf([symbols, symbols.toReversed(), symbols])
    const cursor = { state: 0, length: 0 }
    for (const symbol of symbols) automaton.follow(cursor, symbol)
    expect(cursor.length).toBe(symbols.length)
  }
})
