import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'

const base = () => ({
  added_tokens: [{ id: 3, content: '<|end|>', special: true }] as unknown[],
  normalizer: null as unknown,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true } as unknown,
  decoder: { type: 'ByteLevel' } as unknown,
  post_processor: null as unknown,
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 } as unknown, merges: ['a b'] as unknown },
})
type File = ReturnType<typeof base>

const split = (regex: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  ],
})

/** TK-1, TK-3, TK-4, TK-5: what is wrong, and the code it must be refused with. */
const bad: [string, string, (file: File) => unknown][] = [
  ['no object', 'invalid_file', () => 'text'],
  ['null', 'invalid_file', () => null],
  ['no model', 'invalid_file', file => ({ ...file, model: undefined })],
  [
    'a merge of an unknown part',
    'invalid_file',
    file => Object.assign(file.model, { merges: ['a c'] }),
  ],
  [
    'a merge with an unknown result',
    'invalid_file',
    file => Object.assign(file.model, { merges: ['b a'] }),
  ],
  ['a merge of three', 'invalid_file', file => Object.assign(file.model, { merges: ['a b c'] })],
  ['a merge of one', 'invalid_file', file => Object.assign(file.model, { merges: [['a']] })],
  ['a merge of numbers', 'invalid_file', file => Object.assign(file.model, { merges: [[0, 1]] })],
  [
    'a merge with nothing',
    'invalid_file',
    file => Object.assign(file.model, { merges: [['', 'a']] }),
  ],
  ['a merge twice', 'invalid_file', file => Object.assign(file.model, { merges: ['a b', 'a b'] })],
  ['no merges', 'invalid_file', file => Object.assign(file.model, { merges: 7 })],
  [
    'an empty vocabulary',
    'invalid_file',
    file => Object.assign(file.model, { vocab: {}, merges: [] }),
  ],
  [
    'a negative id',
    'invalid_file',
    file => Object.assign(file.model, { vocab: { a: -1 }, merges: [] }),
  ],
  [
    'half an id',
    'invalid_file',
    file => Object.assign(file.model, { vocab: { a: 0.5 }, merges: [] }),
  ],
  [
    'an id of 2^31',
    'invalid_file',
    file => Object.assign(file.model, { vocab: { a: 2 ** 31 }, merges: [] }),
  ],
  [
    'an id that is a text',
    'invalid_file',
    file => Object.assign(file.model, { vocab: { a: '0' }, merges: [] }),
  ],
  [
    'one id for two tokens',
    'invalid_file',
    file => Object.assign(file.model, { vocab: { a: 0, b: 0 }, merges: [] }),
  ],
  [
    'an unknown unk_token',
    'invalid_file',
    file => Object.assign(file.model, { unk_token: '<unk>' }),
  ],
  ['an empty added token', 'invalid_file', file => file.added_tokens.push({ id: 4, content: '' })],
  [
    'an added token of a megabyte',
    'invalid_file',
    file => file.added_tokens.push({ id: 4, content: 'x'.repeat(1 << 20) }),
  ],
  [
    'an added token with id 2^31',
    'invalid_file',
    file => file.added_tokens.push({ id: 2 ** 31, content: 'x' }),
  ],
  [
    'an added token with a negative id',
    'invalid_file',
    file => file.added_tokens.push({ id: -1, content: 'x' }),
  ],
  [
    'an added token on the id of another',
    'invalid_file',
    file => file.added_tokens.push({ id: 3, content: 'x' }),
  ],
  [
    'an added token on the id of a token',
    'invalid_file',
    file => file.added_tokens.push({ id: 0, content: 'x' }),
  ],
  [
    'an added token twice',
    'invalid_file',
    file => file.added_tokens.push({ id: 4, content: '<|end|>' }),
  ],
  ['an added token that is a number', 'invalid_file', file => file.added_tokens.push(7)],
  ['added tokens that are no list', 'invalid_file', file => ({ ...file, added_tokens: {} })],
  [
    'a post-processor with a token that is none',
    'invalid_file',
    file => ({
      ...file,
      post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>' } }] },
    }),
  ],
  ['a bad pattern', 'unsupported_model', file => ({ ...file, pre_tokenizer: split('(') })],
  [
    'a pattern that is exponential',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: split('(a+)+$') }),
  ],
  [
    'a pattern with a repeated choice',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: split('(?:a|a)*b') }),
  ],
  [
    'a pattern that looks behind',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: split('(?<=a+)b') }),
  ],
  [
    'a pattern with a back-reference',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: split('(a)\\1') }),
  ],
  [
    'a pattern repeated 100,000 times',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: split('a{0,100000}') }),
  ],
  [
    'an endless pattern',
    'invalid_file',
    file => ({ ...file, pre_tokenizer: split('a'.repeat(10_000)) }),
  ],
  [
    'an exponential normaliser',
    'unsupported_model',
    file => ({
      ...file,
      normalizer: { type: 'Replace', pattern: { Regex: '(x*)*y' }, content: '' },
    }),
  ],
  [
    'an unknown normaliser',
    'unsupported_model',
    file => ({ ...file, normalizer: { type: 'Precompiled' } }),
  ],
  [
    'an unknown pre-tokeniser',
    'unsupported_model',
    file => ({ ...file, pre_tokenizer: { type: 'UnicodeScripts' } }),
  ],
  ['an unknown decoder', 'unsupported_model', file => ({ ...file, decoder: { type: 'CTC' } })],
  ['no decoder', 'unsupported_model', file => ({ ...file, decoder: null })],
  [
    'a normaliser nested 10,000 deep',
    'invalid_file',
    file => ({ ...file, normalizer: nested(10_000) }),
  ],
  [
    'a Unigram model',
    'unsupported_model',
    file => ({ ...file, model: { type: 'Unigram', vocab: [['a', Number.NaN]] } }),
  ],
  [
    'a WordPiece model',
    'unsupported_model',
    file => Object.assign(file.model, { type: 'WordPiece' }),
  ],
]

function nested(depth: number): unknown {
  let part: unknown = { type: 'NFC' }
  for (let i = 0; i < depth; i++) part = { type: 'Sequence', normalizers: [part] }
  return part
}

describe('files that are refused', () => {
  test.each(bad)('%s: %s', (_name, code, spoil) => {
    const file = base()
    const spoiled = spoil(file)
    const whole = typeof spoiled === 'object' && spoiled !== null && 'model' in spoiled
    const tokenizer = whole || typeof spoiled !== 'object' || spoiled === null ? spoiled : file
    expect(() =>
      Tokenizer.fromFiles({ tokenizer: typeof tokenizer === 'number' ? file : tokenizer }),
    ).toThrow(expect.objectContaining({ code }))
  })
})

describe('files that are odd, and read', () => {
  test('the base file itself', () => {
    const tokenizer = Tokenizer.fromFiles({ tokenizer: base() })
    expect(Array.from(tokenizer.encode('abba'))).toEqual([2, 1, 0])
    expect(tokenizer.vocabSize).toBe(4)
  })

  test('names of JavaScript’s own are tokens like others', () => {
    const file = base()
    file.model.vocab = JSON.parse('{"a": 0, "b": 1, "ab": 2, "__proto__": 4, "constructor": 5}')
    const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
    expect(tokenizer.decode([4, 5])).toBe('__proto__constructor')
    expect(tokenizer.controlTokenId('constructor')).toBeUndefined()
  })

  test('a byte without a token is dropped, or becomes the unknown token', () => {
    const file = base()
    expect(Array.from(Tokenizer.fromFiles({ tokenizer: file }).encode('axb'))).toEqual([2])
    Object.assign(file.model, { vocab: { a: 0, b: 1, ab: 2, '<unk>': 4 }, unk_token: '<unk>' })
    expect(Array.from(Tokenizer.fromFiles({ tokenizer: file }).encode('axb'))).toEqual([0, 4, 1])
  })

  test('byte tokens that are none stand for their text', () => {
    const file = base()
    file.model.vocab = { a: 0, b: 1, ab: 2, '<0x-1>': 4, '<0xZZ>': 5, '<0x100>': 6, '<0x41>': 7 }
    Object.assign(file.model, { byte_fallback: true })
    file.pre_tokenizer = null
    file.decoder = { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] }
    const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
    expect(tokenizer.decode([4, 5, 6, 7])).toBe('<0x-1><0xZZ><0x100>A')
    expect(Array.from(tokenizer.encode('A'))).toEqual([7])
  })

  test('gaps between ids decode to nothing', () => {
    const file = base()
    file.added_tokens = [{ id: 9, content: '<|end|>' }]
    const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
    expect(tokenizer.vocabSize).toBe(10)
    expect(tokenizer.decode([0, 5, 9])).toBe('a<|end|>')
  })

  test('of overlapping control tokens the longest is taken', () => {
    const file = base()
    file.added_tokens = [
      { id: 3, content: '<|e' },
      { id: 4, content: '<|end|>' },
      { id: 5, content: 'd|>x' },
    ]
    const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
    const ids = tokenizer.encode('<|end|>x<|ex', { controlTokens: true })
    expect(Array.from(ids)).toEqual([4, 3])
  })

  test('plain text never merges into a control token', () => {
    const file = base()
    file.added_tokens = [{ id: 2, content: 'ab', special: true }]
    for (const ignore_merges of [false, true]) {
      Object.assign(file.model, { ignore_merges })
      const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
      expect(Array.from(tokenizer.encode('ab'))).toEqual([0, 1])
      expect(Array.from(tokenizer.encode('ab', { controlTokens: true }))).toEqual([2])
    }
  })

  test.each([
    ['Isolated', ['a', '-', '-', 'b', '-']],
    ['Removed', ['a', 'b']],
    ['MergedWithPrevious', ['a-', '-', 'b-']],
    ['MergedWithNext', ['a', '-', '-b', '-']],
    ['Contiguous', ['a', '--', 'b', '-']],
  ])('a split that is %s', (behavior, words) => {
    const file = base()
    // Every word that may come out is a token of its own, so the ids spell the words.
    const tokens = ['a', 'b', '-', 'a-', 'b-', '-b', '--', '--b', 'a--']
    const merges = ['a -', 'b -', '- b', '- -', '-- b', 'a- -']
    Object.assign(file.model, { vocab: Object.fromEntries(tokens.map((t, i) => [t, i])), merges })
    file.added_tokens = []
    file.pre_tokenizer = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { String: '-' }, behavior, invert: false },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    }
    const ids = Tokenizer.fromFiles({ tokenizer: file }).encode('a--b-')
    expect(Array.from(ids, id => tokens[id])).toEqual(words)
  })
})
