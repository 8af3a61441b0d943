/** TK and TP: tokenizers, texts and templates of strangers. */
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { ChatTemplate } from '../../lib/chat/template.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { broken, doors, limits } from '../chat/hostile-templates.ts'
import { qwen3, qwen3Files } from '../tokenizer/qwen3.ts'
import { type Case, rows, short } from './case.ts'

type Json = Record<string, unknown>
interface File extends Json {
  model: Json
  added_tokens: Json[]
}

const base = (): File => ({
  added_tokens: [{ id: 3, content: '<|end|>', special: true }],
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  decoder: { type: 'ByteLevel' },
})
/** Reads a changed file, and uses it where it is read. */
const file = (input: string, change: (file: File) => unknown) =>
  [
    input,
    () => {
      const changed = base()
      const tokenizer = Tokenizer.fromFiles({ tokenizer: change(changed) ?? changed })
      return tokenizer.decode(tokenizer.encode('abab <|end|>', { controlTokens: true }))
    },
  ] as const
const model = (changes: Json) => file(short(changes), f => void Object.assign(f.model, changes))
const added = (token: unknown) => file(short(token), f => void f.added_tokens.push(token as Json))
const part = (changes: Json) => file(short(changes), f => void Object.assign(f, changes))
const split = (Regex: string) =>
  part({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated' } })
const ids = (vocab: unknown) => model({ vocab, merges: [] })

const files: Case[] = [
  ...rows('TK-1', 'invalid_file', [
    ...[['a c'], ['b a'], ['a b c'], [['a']], [[0, 1]], [['', 'a']], ['a b', 'a b'], 7, [null]].map(
      merges => model({ merges }),
    ),
    model({ merges: new Array(10_000_001).fill('a b') }),
    model({ vocab: { a: 0, aa: 1 }, merges: ['a a', 'aa a'] }),
  ]),
  ...rows('TK-2', 'ok', [
    ...['<0x-1>', '<0xZZ>', '<0x100>', '<0x>'].map(token =>
      model({ byte_fallback: true, vocab: { a: 0, b: 1, ab: 2, [token]: 4 } }),
    ),
    model({ byte_fallback: true }),
  ]),
  ...rows('TK-3', 'invalid_file', [
    ...[-1, 0.5, 2 ** 31, 1e300, '0', null].map(id => ids({ a: id })),
    ids({ a: 0, b: 0 }),
    ids({}),
    ids([]),
    added({ id: 4, content: '' }),
    added({ id: 4, content: 'x'.repeat(1 << 20) }),
    added({ id: 2 ** 31, content: 'x' }),
    added({ id: -1, content: 'x' }),
    added({ id: 3, content: 'x' }),
    added({ id: 0, content: 'x' }),
    added({ id: 4, content: '<|end|>' }),
    added(7),
    added(null),
  ]),
  ...rows('TK-3', 'ok', [
    added({ id: 4, content: '<|end|>>' }),
    added({ id: 4, content: '<|' }),
    added({ id: 1000, content: 'far' }),
  ]),
  ...rows('TK-4', 'unsupported_model', [
    ...['(a+)+$', '(?:a|a)*b', '(?<=a+)b', '(a)\\1', 'a{0,100000}', '(', 'a+b', 'a*a*a*b'].map(
      split,
    ),
    part({ normalizer: { type: 'Replace', pattern: { Regex: '(x*)*y' }, content: '' } }),
    part({ pre_tokenizer: { type: 'Unknown' } }),
    part({ normalizer: { type: 'constructor' } }),
    part({ decoder: { type: 'CTC' } }),
    model({ type: 'Unigram' }),
    model({ type: 'WordPiece' }),
    model({ dropout: 0.1 }),
  ]),
  ...rows('TK-4', 'invalid_file', [
    split('['),
    split('a'.repeat(10_000)),
    part({ pre_tokenizer: 7 }),
  ]),
  ...rows(
    'TK-5',
    ['invalid_file', 'unsupported_model'],
    [
      model({ type: 'Unigram', vocab: [['a', Number.NaN]] }),
      file('a text', () => 'text'),
      file('a list', () => []),
      file('no model', f => ({ ...f, model: undefined })),
      part({ added_tokens: {} }),
    ],
  ),
]

const mebibyte = 1 << 20
const hard: [string, string][] = [
  ['a', 'a'.repeat(mebibyte)],
  ['_', '_'.repeat(mebibyte)],
  ['spaces', ' '.repeat(mebibyte)],
  ['newlines', '\n'.repeat(mebibyte)],
  ['combining marks', '\u0301\u0323'.repeat(mebibyte / 4)],
  ['ZWJ emoji', '👩‍👩‍👧'.repeat(mebibyte / 18)],
  ['U+FFFF', '\uffff'.repeat(mebibyte / 3)],
  ['NUL', '\0'.repeat(mebibyte)],
]
const surrogates = ['\ud800', 'a\udc00b', '\ud83d\ud83d\ude00', '\udc00\ud800']
const chat = ModelTokenizer.fromFiles({
  tokenizer: qwen3Files.tokenizer,
  tokenizerConfig: qwen3Files.tokenizerConfig,
})
const bare = ModelTokenizer.fromFiles({ tokenizer: base() })
const benign = controls('x')

/** Control ids of a conversation whose every field is `fill`. */
function controls(fill: string): number[] {
  const call = { id: fill, function: { name: fill, arguments: { [fill]: fill } } }
  const { ids } = chat.applyChatTemplate([
    { role: 'system', content: fill, name: fill },
    { role: 'user', content: fill },
    { role: 'assistant', content: fill, reasoning_content: fill, tool_calls: [call] },
    { role: 'tool', content: fill, tool_call_id: fill },
    { role: 'user', content: fill },
  ])
  const all = new Set(qwen3.controlTokens.map(token => token.id))
  return [...ids].filter(id => all.has(id))
}

const texts: Case[] = [
  ...rows(
    'TK-6',
    'ok',
    hard.map(([name, text]) => [`1 MiB of ${name}`, () => qwen3.encodeInSlices(text)] as const),
  ),
  ...rows(
    'TK-7',
    'ok',
    surrogates.map(text => {
      const same = () => {
        const decoded = qwen3.decode(qwen3.encode(text))
        if (decoded !== text.replace(/\p{Surrogate}/gu, '\ufffd')) throw new Error(decoded)
      }
      return [short(JSON.stringify(text)), same] as const
    }),
  ),
  ...rows(
    'TK-10',
    'ok',
    qwen3.controlTokens.map(({ content }) => {
      const same = () => {
        const got = controls(`x ${content} y`)
        if (got.join() !== benign.join()) throw new Error(`control ids ${got}`)
      }
      return [content, same] as const
    }),
  ),
]

const render = (source: string) => () => new ChatTemplate(source).render(new Map(), 0).value
const named = (table: readonly (readonly [string, string])[]) =>
  table.map(([name, source]) => [name, render(source)] as const)
const user = [{ role: 'user' as const, content: 'Hi' }]
const reserved = ['messages', 'tools', 'documents', 'tokenize', 'add_generation_prompt']

const templates: Case[] = [
  ...rows('TP-1', 'template_limit', named(limits)),
  ...rows('TP-2', 'template_error', named(broken)),
  ...rows(
    'TP-3',
    ['ok', 'template_error'],
    doors.map(door => {
      const closed = () => {
        if (render(`{{ ${door} }}`)() !== '') throw new Error('it led somewhere')
      }
      return [door, closed] as const
    }),
  ),
  ...rows('TP-4', 'template_error', [
    ['no template', () => bare.applyChatTemplate(user)],
    ['a refusal', render('{{ raise_exception("no") }}')],
  ]),
  ...rows('TP-5', 'invalid_request', [
    ...reserved.map(
      name =>
        [name, () => chat.applyChatTemplate(user, { templateOptions: { [name]: true } })] as const,
    ),
    ['a function', () => chat.applyChatTemplate(user, { templateOptions: { f: () => 1 } })],
    [
      'addGenerationPrompt "yes"',
      () => chat.applyChatTemplate(user, { addGenerationPrompt: 'yes' as never }),
    ],
  ]),
]

export const textCases: Case[] = [...files, ...texts, ...templates]
