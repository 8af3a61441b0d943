// A megabyte made to be slow: twice the text takes about twice the time, never much more than prose's.
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
const prose = 'Call me at 555-1234 or mail bob@example.com; it was 3.5 today. '
/** As a multiple of what prose of the same size takes; the worst seed here takes ten times as long. */
const most = 40

const repeated = (seed: string, size: number): string =>
  seed.repeat(Math.ceil(size / seed.length)).slice(0, size)

/** CPU seconds, so that others on the machine count little. */
function secondsOf(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

const scanned = (seed: string, size: number): number => {
  const text = repeated(seed, size)
  return secondsOf(() => guard.scan(text))
}

test.each([...seeds])('%s', (_, seed) => {
  scanned(seed, megabyte / 32)
  scanned(prose, megabyte / 32)
  const eighth = scanned(seed, megabyte / 8)
  const ordinary = scanned(prose, megabyte / 8)
  const whole = scanned(seed, megabyte)
  // Quadratic time would be sixty-four times as much.
  expect(whole).toBeLessThan(20 * eighth + 0.3)
  expect(whole).toBeLessThan(most * 8 * ordinary)
})

// What is held back may be read again with each chunk, but it has an end.
test.each(['-----BEGIN PRIVATE KEY-----\n', 'eyJa', '1 ', 'x y z '])('%j in small chunks', seed => {
  const pushed = (size: number): number =>
    secondsOf(() => push(policy, repeated(seed, size).match(/[\s\S]{1,3}/g)!))
  pushed(1000)
  const quarter = pushed(10_000)
  // Quadratic time would be sixteen times as much.
  expect(pushed(40_000)).toBeLessThan(10 * quarter + 0.3)
})
