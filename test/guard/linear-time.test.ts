// A megabyte made to be slow: twice the text takes about twice the time, and never long.
import { expect, test } from 'vitest'
import { createGuard } from '../../lib/guard/index.ts'
import { push } from './stream-texts.ts'

const policy = {
  categories: Object.fromEntries(
    ['cn_resident_id', 'bank_card', 'iban', 'phone', 'email', 'ip_address', 'mac_address']
      .concat(['secret', 'person_name', 'address', 'hk_id', 'tw_id', 'travel_document'])
      .concat(['us_ssn', 'cn_social_credit_code', 'term', 'document'])
      .map(name => [name, 'mask' as const]),
  ),
  terms: ['a'.repeat(100), `${'a'.repeat(50)}b`, 'aa bb'],
  documents: ['a '.repeat(60), 'x y z '.repeat(30)],
}
const guard = createGuard(policy)

const seeds = new Map([
  ['digits', '1'],
  ['digits apart', '1 '],
  ['dots and digits', '1.'],
  ['pairs', '12-'],
  ['letters', 'a'],
  ['words', 'a.'],
  ['at signs', 'a@'],
  ['e-mail tails', 'a@b.'],
  ['colons', 'a:'],
  ['hex', 'ab:'],
  ['urls', 'x://a:b'],
  ['assignments', 'password='],
  ['token prefixes', 'SG.'],
  ['jwt heads', 'eyJ.'],
  ['key blocks', '-----BEGIN PRIVATE KEY-----\n'],
  ['hyphens', '-'],
  ['international', '+1 2 3 4 5 6 7 8 9 '],
  ['named phones', 'tel 1234567 '],
  ['capitals', 'Dear Mr. Aa Bb Cc '],
  ['streets', '12 Aa Bb Cc Dd '],
  ['surnames', '王李'],
  ['places', '北京市海淀区'],
  ['numerals', '一二三'],
  ['invisible', '1\u200b'],
  ['only invisible', '\u200b'],
  ['iban heads', 'DE12 '],
  ['document words', 'x y z '],
  ['blanks', ' \n'],
])

const megabyte = 1 << 20
/** CPU seconds for a megabyte; ordinary text takes 0.05, and this machine may be busy. */
const most = 12

test.each([...seeds])('%s', (_, seed) => {
  const text = seed.repeat(Math.ceil(megabyte / seed.length))
  const used = (size: number): number => {
    const start = process.cpuUsage()
    guard.scan(text.slice(0, size))
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  }
  used(megabyte / 32)
  const eighth = used(megabyte / 8)
  const whole = used(megabyte)
  expect(whole).toBeLessThan(most)
  // Quadratic time would be sixty-four times as much.
  expect(whole).toBeLessThan(20 * eighth + 0.3)
})

test('small chunks do not make it slow', () => {
  for (const seed of ['-----BEGIN PRIVATE KEY-----\n', 'eyJa', '1 ', 'x y z ']) {
    const text = seed.repeat(Math.ceil(30_000 / seed.length))
    const start = process.cpuUsage()
    push(policy, text.match(/[\s\S]{1,3}/g)!)
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(most)
  }
})
