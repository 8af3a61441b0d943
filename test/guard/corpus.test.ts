// How much is found in generated texts, and how much of what is found is right.
import { describe, expect, test } from 'vitest'
import { createGuard } from '../../lib/guard/index.ts'
import { corpus, measure } from './corpus.ts'
import { reviewedTexts } from './corpus-reviewed.ts'

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

describe('texts written by hand', () => {
  const { missed, wrong } = measure(guard, corpus('reviewed', reviewedTexts.length))
  const short = (all: readonly string[]) => all.map(one => one.slice(0, one.indexOf(' in ')))

  test('all is found but this', () => {
    expect(short(missed)).toEqual([
      'person_name: 王小明',
      'email: anna [at] example [dot] com',
      'email: anna(at)example.com',
      'address: 55 Rue du Faubourg Saint-Honoré, 75008 Paris',
      'address: Unter den Linden 77, 10117 Berlin',
      'person_name: Nguyen Van An',
      'secret: S3cret99!',
      'secret: f00b4r_9981',
    ])
  })

  test('nothing else is found', () => {
    expect(short(wrong)).toEqual([])
  })
})
