// Text made to be slow takes time in line with its length.
import { expect, test } from 'vitest'
import { Evaluator } from '../../lib/compliance/evaluate.ts'
import { defaultRuleBook } from '../../lib/compliance/rule-book.ts'
import { hostilePieces } from './hostile-texts.ts'
import { MemoryWindows } from './memory-windows.ts'

const book = defaultRuleBook()
const evaluator = new Evaluator(book, book.exampleLists)
/** A part of a megabyte: the whole is in line with it. */
const large = 1 << 18
/** CPU seconds, on a machine that may be busy. */
const most = 8

test.each(hostilePieces)('%j', async seed => {
  const text = seed.repeat(Math.ceil(large / seed.length))
  const used = async (size: number): Promise<number> => {
    const message = { requestId: 'r', subject: 's', direction: 'input' as const }
    const windows = new MemoryWindows().of('s', new Date())
    const start = process.cpuUsage()
    await evaluator.hits({ ...message, text: text.slice(0, size) }, windows)
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  }
  await used(large / 32)
  const eighth = await used(large / 8)
  const whole = await used(large)
  expect(whole).toBeLessThan(most)
  // Quadratic time would be sixty-four times as much.
  expect(whole).toBeLessThan(24 * eighth + 0.3)
})
