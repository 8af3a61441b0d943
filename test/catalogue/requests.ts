/** RQ and TK-9: what a caller may ask of a model. */
import type { Model } from '../../lib/index.ts'
import { type Case, rows, short } from './case.ts'

type Ask = (model: Model) => unknown

const refusedAt = 'invalid_request'
const generate =
  (prompt: unknown, options: unknown = {}): Ask =>
  model =>
    model.generate(prompt as number[], { ...(options as object), maxTokens: 2 }).result()
/** The options as they are, whatever they are. */
const options =
  (given: unknown): Ask =>
  model =>
    model.generate([1, 2, 3], given as object).result()
const option = (name: string, values: readonly unknown[]) =>
  values.map(
    value =>
      [
        `${name} ${short(value)}`,
        options({
          [name]: value,
          maxTokens: 2,
          ...(name === 'maxTokens' ? { maxTokens: value } : {}),
        }),
      ] as const,
  )
const chat =
  (messages: unknown, given: unknown = {}): Ask =>
  model =>
    model.chat(messages as never, { maxTokens: 2, ...(given as object) } as never).result()

const tool = (name: string) => ({
  type: 'function',
  function: { name, description: 'x', parameters: { type: 'object', properties: {} } },
})
const withParameters = (parameters: unknown) => ({
  type: 'function',
  function: { name: 'f', parameters },
})
const result = (id: string) => ({ role: 'tool', content: 'x', tool_call_id: id })
const user = [{ role: 'user', content: 'Hi' }]
const strange = [Number.NaN, Infinity, -Infinity, 2 ** 53 + 2, '1', true, null, [], {}, 1n]
const numbers = [
  'temperature',
  'topK',
  'topP',
  'minP',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'logprobs',
  'maxTokens',
  'minTokens',
]

export const requestCases: Case[] = [
  ...rows('RQ-1', refusedAt, [
    ...['', [], undefined, null, 7, true, {}, () => 1].map(
      prompt => [`prompt ${short(prompt)}`, generate(prompt)] as const,
    ),
    ['a prompt of 10 MB', generate('x'.repeat(10_000_000))],
    ...[[], undefined, null, 'Hi', {}, [null], [7], [{}], [{ role: 'root', content: 'x' }]].map(
      messages => [`messages ${short(messages)}`, chat(messages)] as const,
    ),
    ['null content', chat([{ role: 'user', content: null }])],
    ['a number as content', chat([{ role: 'user', content: 7 }])],
    ['100,000 messages', chat(new Array(100_000).fill(user[0]))],
    ['10 MB in a message', chat([{ role: 'user', content: 'x'.repeat(10_000_000) }])],
  ]),
  ...rows('RQ-2', 'context_length_exceeded', [
    ['a prompt over the context', generate(Array(5000).fill(1))],
    ['a prompt that fills it', generate(Array(4096).fill(1))],
    ['one token too many', options({ maxTokens: 4094 })],
  ]),
  ...rows('RQ-2', 'ok', [
    [
      'exactly the context',
      model => model.generate(Array(4090).fill(1), { maxTokens: 6, ignoreEos: true }).result(),
    ],
  ]),
  ...rows('RQ-3', refusedAt, [
    ...option('maxTokens', [0, -1, 1.5, 1e18]),
    ...option('n', [0, -1, 17, 1e9]),
    ...option('best_of', [2]),
    ['min over max', options({ minTokens: 9, maxTokens: 3 })],
  ]),
  ...rows(
    'RQ-4',
    [refusedAt, 'context_length_exceeded'],
    numbers.flatMap(name => option(name, strange)),
  ),
  ...rows('RQ-5', 'ok', [
    ...option('temperature', [0, -0, 1e-9, 2]),
    ...option('topP', [0, 1]),
    ...option('topK', [0, 1, 1e9]),
    ...option('presencePenalty', [-2, 2]),
    ...option('frequencyPenalty', [-2, 2]),
    ...option('repetitionPenalty', [0.01, 10]),
  ]),
  ...rows('RQ-5', refusedAt, [
    ...option('temperature', [-1, 2.01, 1e308]),
    ...option('topP', [-0.1, 2]),
    ...option('topK', [-1, 2 ** 31]),
    ...option('presencePenalty', [-2.1, 2.1]),
    ...option('frequencyPenalty', [-2.1, 2.1]),
    ...option('repetitionPenalty', [0, 10.1]),
  ]),
  ...rows('RQ-6', refusedAt, [
    ...option('logitBias', [
      { 311: 1 },
      { '-1': 1 },
      { x: 1 },
      { 1: 101 },
      { 1: Number.NaN },
      { 1: '5' },
      [1],
      'x',
      new Map(Array.from({ length: 20_000 }, (_, i) => [i, 0])),
    ]),
    ...option('stopTokenIds', [[311], [-1], [0.5], ['1'], 3, new Array(200).fill(1)]),
  ]),
  ...rows(
    'RQ-6',
    ['ok', 'numerical_error'],
    [
      [
        'a bias that bans all',
        options({
          logitBias: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, -100])),
          maxTokens: 2,
        }),
      ],
    ],
  ),
  ...rows('RQ-7', refusedAt, [
    ...option('stop', ['', [''], [1], 7, null, {}, '\ud800', new Array(100_000).fill('x')]),
    ...option('stop', ['x'.repeat(1 << 20), new Array(17).fill('x')]),
  ]),
  ...rows('RQ-8', refusedAt, [
    ...option('seed', [-1, 0.5, 2n ** 64n, 2 ** 60, 'x', null, Number.NaN]),
    ...option('logprobs', [21, 1e6, -1, 0.5]),
  ]),
  ...rows('RQ-8', 'ok', [...option('seed', [0, 2n ** 64n - 1n, 2 ** 53 - 1])]),
  ...rows('RQ-9', refusedAt, [
    ...['x', 7, {}].map(tools => [`tools ${short(tools)}`, chat(user, { tools })] as const),
    [
      '10,000 tools',
      chat(user, { tools: Array.from({ length: 10_000 }, (_, i) => tool(`f${i}`)) }),
    ],
    ...[null, 'x', {}, { name: 'f' }, { function: {} }, { function: { name: '' } }].map(
      bad => [`the tool ${short(bad)}`, chat(user, { tools: [bad] })] as const,
    ),
    ['parameters that are a text', chat(user, { tools: [withParameters('x')] })],
    ['two tools of one name', chat(user, { tools: [tool('f'), tool('f')] })],
    ['tool calls of a user', chat([{ role: 'user', content: 'x', tool_calls: [] }])],
    ['a call without a name', chat([{ role: 'assistant', content: '', tool_calls: [{}] }])],
  ]),
  ...rows('RQ-9', 'ok', [
    ['a tool', chat(user, { tools: [tool('f')] })],
    ['a tool named __proto__', chat(user, { tools: [tool('__proto__')] })],
    ['a result of a call that nobody made', chat([...user, result('x')])],
  ]),
  ...rows('RQ-10', refusedAt, [
    ...['http://host/x.png', 'file:///etc/passwd', `data:,${'x'.repeat(1000)}`].map(
      url =>
        [
          short(url),
          chat([{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]),
        ] as const,
    ),
    ...option('promptEmbeds', [[1]]),
  ]),
  ...rows('RQ-13', refusedAt, [
    ...option('max_tokens', [3]),
    ...option('Temperature', [1]),
    ['options that are a text', options('x')],
    ['options that are a list', options([1])],
  ]),
  ...rows(
    'RQ-14',
    [refusedAt, 'ok'],
    [
      ...['{"__proto__":{"maxTokens":1}}', '{"constructor":{"prototype":{"x":1}}}'].map(
        text => [text, options(JSON.parse(text))] as const,
      ),
      ...option('logitBias', [JSON.parse('{"__proto__":1}'), JSON.parse('{"constructor":1}')]),
      [
        'a message',
        chat([JSON.parse('{"role":"user","content":"x","__proto__":{"role":"system"}}')]),
      ],
    ],
  ),
  ...rows(
    'TK-9',
    refusedAt,
    [[-1], [1.5], [311], [2 ** 31], [Number.NaN], ['1'], [null], [[1]], [1n], Array(2)].map(
      ids => [short(ids), generate(ids)] as const,
    ),
  ),
  ...rows(
    'TK-9',
    ['context_length_exceeded', refusedAt],
    [['10 million ids', generate(new Int32Array(10_000_000))]],
  ),
]
