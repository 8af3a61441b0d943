// How much ordinary prose waits: chunk by chunk, 99 times in 100 at most 24 characters.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { push } from './stream-texts.ts'

const chinese =
  '今天的天气很好，我们下午去公园散步，晚上一起吃饭。这个项目的进展顺利，下一步要完善测试和文档，' +
  '并在月底之前交付第一版。大家对新的方案有不少意见，需要再讨论一次才能决定。北京的春天很短，王经理说' +
  '他更喜欢杭州的秋天，因为那里的桂花开得好。'

const texts = new Map([
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'].map(
    page => [page, readFileSync(page, 'utf8')] as const,
  ),
  ['Chinese', chinese.repeat(5)] as const,
])

test.each([...texts])('%s', (_, text) => {
  const { held, sum, matches } = push('default', text.split(''))
  const sorted = held.toSorted((a, b) => a - b)
  expect(sorted[Math.floor(0.99 * sorted.length)]).toBeLessThanOrEqual(24)
  expect(sorted[Math.floor(0.5 * sorted.length)]).toBeLessThanOrEqual(4)
  expect(matches.filter(match => match.category !== 'email')).toEqual([])
  expect(sum).toContain(text.slice(0, 20))
})
