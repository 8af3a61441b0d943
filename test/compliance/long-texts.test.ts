// What a text is hides nowhere in it: not at any distance from its beginning, nor behind an excuse.
import { expect, test } from 'vitest'
import { Evaluator, type Hit } from '../../lib/compliance/evaluate.ts'
import { defaultRuleBook } from '../../lib/compliance/rule-book.ts'
import { MemoryWindows } from './memory-windows.ts'

const book = defaultRuleBook()
const evaluator = new Evaluator(book, book.exampleLists)
const hitsOf = (text: string): Promise<Hit[]> =>
  evaluator.hits(
    { requestId: 'r', subject: 's', direction: 'input', text },
    new MemoryWindows().of('s', new Date()),
  )
const phrase = 'Buy Northwind before the announcement'
const filler = 'the rain fell on the roof '.repeat(1400)

test('a phrase is found across 32 KiB at every offset', async () => {
  const cut = 32_768
  const [alone] = await hitsOf(phrase)
  for (let offset = 0; offset <= phrase.length; offset++) {
    const start = cut - offset
    const text = `${filler.slice(0, start - 1)} ${phrase} ${filler}`
    const found = (await hitsOf(text)).find(hit => hit.rule === alone!.rule)
    expect(found).toEqual({ ...alone, start: start + alone!.start, end: start + alone!.end })
  }
})

test('sums on both sides of it count once each', async () => {
  const text = (pad: string) =>
    `I deposit $9,500 in cash. ${pad} I deposit $9,400 in cash. ${pad} I deposit $9,300 in cash.`
  const rules = async (pad: string) => (await hitsOf(text(pad))).map(hit => hit.rule).toSorted()
  expect(await rules('')).toContain('aml.structuring')
  expect(await rules(filler)).toEqual(await rules(''))
  expect(await hitsOf(`I deposit $9,500 in cash. ${filler} Nothing else.`)).toEqual([])
})

test('an excused place hides no other', async () => {
  const rule = book.rules.find(one => one.unless !== undefined && one.when.kind === 'near')!
  const said = rule.examples.positive.find(one => typeof one === 'string')!
  const excuse = rule.unless!.phrases[0]!.replaceAll('*', '')
  const rules = async (text: string) => (await hitsOf(text)).map(hit => hit.rule)
  expect(await rules(`${said} ${excuse}`)).not.toContain(rule.id)
  expect(await rules(`${said} ${excuse} ${filler} ${said}`)).toContain(rule.id)
})

test('many long texts at once are all read, also behind one that fails', async () => {
  const add = () => Promise.reject(new Error('no database'))
  const windows = { add, since: async () => ({ count: 0, total: 0 }) }
  const about = { requestId: 'r', subject: 's', direction: 'input' as const }
  const broken = evaluator.hits({ ...about, text: `I deposit $9,500 in cash. ${filler}` }, windows)
  const found = Promise.all(Array.from({ length: 3 }, () => hitsOf(`${filler} ${phrase}`)))
  await expect(broken).rejects.toThrow('no database')
  for (const hits of await found) expect(hits.length).toBeGreaterThan(0)
})
