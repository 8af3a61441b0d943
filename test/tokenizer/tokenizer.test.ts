import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { qwen3 } from './qwen3.ts'

describe('golden ids of Qwen3', () => {
  const golden: [string, number[]][] = [
    ['Hello, world!', [9707, 11, 1879, 0]],
    ['你好，世界', [108386, 3837, 99489]],
    [
      "I'm 12345 tokens\n\n  indented",
      [40, 2776, 220, 16, 17, 18, 19, 20, 11211, 271, 220, 1257, 15864],
    ],
    ['e\u0301', [963]],
    ["don't DON'T", [15007, 944, 44273, 17323]],
    ['🙂👩‍👩‍👧', [145080, 145233, 378, 235, 145233, 378, 235, 145665]],
    ['\t\tfoo()  \n', [197, 197, 7975, 368, 2303]],
  ]
  test.each(golden)('%j', (text, ids) => {
    expect(Array.from(qwen3.encode(text))).toEqual(ids)
    expect(qwen3.decode(ids)).toBe(text.normalize('NFC'))
  })

  test('a turn with an empty thought', () => {
    const prompt = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n'
    const ids = Array.from(qwen3.encode(prompt, { controlTokens: true }))
    expect(ids).toEqual([
      ...[151644, 872, 198, 13048, 151645, 198, 151644, 77091, 198],
      ...[151667, 271, 151668, 271],
    ])
    expect(qwen3.decode(ids, { skipSpecialTokens: false })).toBe(prompt)
    expect(qwen3.decode(ids)).toBe('user\nHi\nassistant\n<think>\n\n</think>\n\n')
  })
})

test('what the file says about itself', () => {
  expect(qwen3.vocabSize).toBe(151669)
  expect(qwen3.controlTokens).toHaveLength(26)
  expect(qwen3.controlTokenId('<|im_end|>')).toBe(151645)
  expect(qwen3.controlTokenId('im_end')).toBeUndefined()
  expect(Buffer.from(qwen3.tokenBytes(145080)).toString()).toBe('🙂')
})

test('lone surrogates count as U+FFFD', () => {
  expect(qwen3.encode('a\ud800b\udc00')).toEqual(qwen3.encode('a\ufffdb\ufffd'))
  expect(qwen3.encode('🙂')).toHaveLength(1)
})

test('bytes that are no UTF-8 decode to U+FFFD', () => {
  const [half] = qwen3.encode('👩')
  const ids = [half!, 233, ...qwen3.encode('a')]
  expect(qwen3.decode(ids)).toMatch(/\ufffda$/)
  expect(qwen3.decode([])).toBe('')
})

test.each([-1, 1.5, 151669, 2 ** 31, Number.NaN])('id %d: invalid_request', id => {
  const refused = expect.objectContaining({ code: 'invalid_request' })
  expect(() => qwen3.decode([id])).toThrow(refused)
  expect(() => qwen3.tokenBytes(id)).toThrow(refused)
})

test('text that is no text: invalid_request', () => {
  expect(() => qwen3.encode(7 as never)).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  )
})

describe('hard inputs take linear time', () => {
  const hard: [string, (units: number) => string][] = [
    ['a', n => 'a'.repeat(n)],
    ['_', n => '_'.repeat(n)],
    ['space', n => ' '.repeat(n)],
    ['spaces before a letter', n => `${' '.repeat(n - 1)}x`],
    ['newline', n => '\n'.repeat(n)],
    ['blank lines', n => ' \n'.repeat(n / 2)],
    ['a combining mark', n => '\u0301'.repeat(n / 2)],
    ['marks out of order', n => `a${'\u0301\u0323'.repeat(n / 4)}`],
    ['a ZWJ emoji', n => '👩‍👩‍👧'.repeat(n / 18)],
    ['U+FFFF', n => '\uffff'.repeat(n / 3)],
    ['NUL', n => '\0'.repeat(n)],
    ['control-token heads', n => '<|im_'.repeat(n / 5)],
  ]
  // Processor time, as the machine is shared; its clock ticks in steps of ten milliseconds.
  const time = (text: string, times: number) => {
    const start = process.cpuUsage()
    for (let i = 0; i < times; i++) qwen3.encode(text, { controlTokens: true })
    return process.cpuUsage(start).user / 1000
  }
  test.each(hard)('1 MiB of %s', (_name, make) => {
    const inSixteen = time(make(1 << 16), 16)
    const inOne = time(make(1 << 20), 1)
    // The same work where time is linear; quadratic time would be sixteen times as long.
    expect(inOne).toBeLessThan(4 * Math.max(inSixteen, 50))
    expect(inOne).toBeLessThan(1500)
  })
})

describe('a file that adds begin-of-text', () => {
  const tokenizer = Tokenizer.fromFiles({
    tokenizer: {
      added_tokens: [
        { id: 3, content: '<s>', special: true },
        { id: 4, content: '</s>', special: true },
      ],
      model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
      decoder: { type: 'ByteLevel' },
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '<s>', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '</s>', type_id: 0 } },
        ],
      },
    },
  })

  test('only where it is asked to', () => {
    expect(Array.from(tokenizer.encode('aab'))).toEqual([0, 2])
    expect(Array.from(tokenizer.encode('aab', { addSpecialTokens: true }))).toEqual([3, 0, 2, 4])
  })
})
