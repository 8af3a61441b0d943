// How much is found in generated texts, and how much of what is found is right.
import { describe, expect, test } from 'vitest'
import { createGuard } from '../../lib/guard/index.ts'
import { corpus, measure } from './corpus.ts'

const guard = createGuard('default')
const inContext = new Set(['person_name', 'address'])
const formOnly = new Set(['us_ssn', 'travel_document', 'secret', 'phone'])

/** Least recall and precision: with a check or a fixed form, by form alone, by context. */
const target = (category: string): [number, number] => {
  if (inContext.has(category)) return [0.9, 0.95]
  return formOnly.has(category) ? [0.97, 0.97] : [0.995, 0.99]
}

describe.each(['development', 'held-out', 'fresh'] as const)('%s', half => {
  const { scores, missed, wrong } = measure(guard, corpus(half, 1100))

  test('every category of the rules is there', () => {
    expect(scores.size).toBe(15)
  })

  test.each([...scores])('%s is found', (category, { found, labels }) => {
    const misses = missed.filter(one => one.startsWith(category)).slice(0, 3)
    expect(found / labels, misses.join('\n')).toBeGreaterThanOrEqual(target(category)[0])
  })

  test.each([...scores])('%s is right', (category, { right, matches }) => {
    const errors = wrong.filter(one => one.startsWith(category)).slice(0, 3)
    expect(right / matches, errors.join('\n')).toBeGreaterThanOrEqual(target(category)[1])
  })
})
