// For each rule: texts in which it finds something, and texts that it leaves alone.
import { describe, expect, test } from 'vitest'
import { createGuard } from '../../lib/guard/index.ts'
import { cases } from './rule-cases.ts'

const guard = createGuard('default')
const categoriesIn = (text: string) => guard.scan(text).matches.map(match => match.category)

describe.each([...cases])('%s', (category, { yes, no }) => {
  test.each(yes)('finds %j', text => {
    expect(categoriesIn(text)).toContain(category)
    expect(guard.scan(text).text).toContain('[')
  })
  test.each(no)('leaves %j alone', text => {
    expect(categoriesIn(text)).not.toContain(category)
  })
  test('has ten examples each way', () => {
    expect(yes.length).toBeGreaterThanOrEqual(10)
    expect(no.length).toBeGreaterThanOrEqual(10)
  })
})

test('offsets are those of the input, in UTF-16 units', () => {
  const text = '😀 call +86 138 0013 8000, or mail a@example.com'
  const found = guard.scan(text).matches.map(({ start, end }) => text.slice(start, end))
  expect(found).toEqual(['+86 138 0013 8000', 'a@example.com'])
})
