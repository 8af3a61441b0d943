import { expect, test } from 'vitest'
import { isLinear } from '../../lib/tokenizer/linear-pattern.ts'
import { qwen3Files } from './qwen3.ts'

const rest = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const ends = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const first = String.raw`[^\r\n\p{L}\p{N}]?`

const published: [string, string][] = [
  ['qwen3', qwen3Files.tokenizer.pre_tokenizer.pretokenizers[0].pattern.Regex],
  ['gpt-2', String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`],
  ['llama 3', String.raw`${ends}|${first}\p{L}+|\p{N}{1,3}${rest}`],
  [
    'gpt-4o',
    `${first}${upper}*${lower}+${ends}?|${first}${upper}+${lower}*${ends}?|` +
      String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  [
    'deepseek 3',
    String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` +
      '`' +
      String.raw`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|` +
      String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  ['digits', String.raw`\p{N}`],
  ['letters of China and Japan', '[一-龥぀-ゟ゠-ヿ]+'],
  ['blanks', ' {2,}'],
  ['quotes', "``|''"],
]
test.each(published)('the pattern of %s is linear', (_, pattern) => {
  expect(isLinear(pattern)).toBe(true)
})

const refused = [
  'a+b',
  'a*a*a*b',
  String.raw`\s+$`,
  String.raw`\s+(?!\S)`,
  String.raw`\s*[\r\n]+x|\s+`,
  String.raw`\s+\s+\s+x`,
  `${'a?'.repeat(30)}${'a'.repeat(30)}`,
  `${'(?:a|ab|abc){8}'.repeat(3)}x`,
  'a{0,200}b{0,200}c',
  '(?:a+|b)c',
  '(?:(?:a|b)?c)+',
  '(a+',
  'a)',
  '(?<=a)b',
  `${'('.repeat(100)}a${')'.repeat(100)}`,
]
test.each(refused)('%s is refused', pattern => {
  expect(isLinear(pattern)).toBe(false)
})

const alphabet = ['a', 'aa', ' ', '\n', ' \n', 'aB', '.', '\u0301', "'s", '1']
test.each(published)('%s takes a text of 256 KiB in no time', (_, pattern) => {
  const regex = new RegExp(pattern.replaceAll('(?i:', '(?:'), 'gu')
  for (const unit of alphabet)
    for (const tail of ['', 'x', ' ', '\n']) {
      const text = unit.repeat((1 << 18) / unit.length) + tail
      const start = process.cpuUsage()
      for (const _ of text.matchAll(regex)) {
        // counted by the clock alone
      }
      expect(process.cpuUsage(start).user / 1000, JSON.stringify(unit + tail)).toBeLessThan(1000)
    }
})
