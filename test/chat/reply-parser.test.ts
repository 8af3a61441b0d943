import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasThoughts, replyFormat, thinkingStart } from '../../lib/chat/reply-format.ts'
import {
  createReplyParser,
  type ReplyDelta,
  type ReplyParserOptions,
} from '../../lib/chat/reply-parser.ts'

const tools = [
  {
    type: 'function' as const,
    function: {
      name: 'weather',
      parameters: {
        type: 'object',
        properties: {
          city: { type: 'string' },
          days: { type: 'integer' },
          units: { anyOf: [{ type: 'string' }, { type: 'null' }] },
          where: { type: 'object' },
          metric: { type: 'boolean' },
        },
      },
    },
  },
]

interface Whole {
  reasoning: string
  content: string
  calls: { name: string; arguments: string; incomplete: boolean }[]
}

function join(deltas: ReplyDelta[]): Whole {
  const whole: Whole = { reasoning: '', content: '', calls: [] }
  for (const delta of deltas) {
    if (delta.type !== 'tool_call') {
      expect(delta.text).not.toBe('')
      whole[delta.type] += delta.text
      continue
    }
    if (delta.name !== undefined) {
      expect(delta.index).toBe(whole.calls.length)
      whole.calls.push({ name: delta.name, arguments: '', incomplete: false })
    }
    const call = whole.calls[delta.index]!
    call.arguments += delta.arguments
    if (delta.incomplete) call.incomplete = true
  }
  for (const call of whole.calls)
    expect(JSON.parse(call.arguments), call.arguments).toBeTypeOf('object')
  return whole
}

function parse(pieces: string[], options: ReplyParserOptions): Whole {
  const parser = createReplyParser(options)
  return join([...pieces.flatMap(piece => parser.push(piece)), ...parser.end()])
}

const whole = (part: Partial<Whole>): Whole => ({
  reasoning: '',
  content: '',
  calls: [],
  ...part,
})
const call = (args: string, name = 'weather', incomplete = false) => ({
  name,
  arguments: args,
  incomplete,
})
const hermes = { format: 'hermes', thinking: 'auto', tools } as const
const coder = { format: 'qwen3_coder', thinking: 'off', tools } as const
const oslo = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
const osloXml =
  '<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n' +
  '<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>'

const cases: [string, ReplyParserOptions, string, Whole][] = [
  ['plain text', hermes, 'Hello, <b>!\n', whole({ content: 'Hello, <b>!\n' })],
  [
    'a thought',
    hermes,
    '<think>\nHm.\n</think>\n\nYes.',
    whole({ reasoning: 'Hm.', content: 'Yes.' }),
  ],
  [
    'a thought that the prompt opened',
    { ...hermes, thinking: 'open' },
    'Hm.\n\nWell…\n</think>\n\nYes.',
    whole({ reasoning: 'Hm.\n\nWell…', content: 'Yes.' }),
  ],
  [
    'a thought opened twice',
    { ...hermes, thinking: 'open' },
    '<think>\nHm.</think>Yes.',
    whole({ reasoning: 'Hm.', content: 'Yes.' }),
  ],
  [
    'a thought without an end',
    hermes,
    '<think>\nHm. <tool_call>',
    whole({ reasoning: 'Hm. <tool_call>' }),
  ],
  ['an empty thought', hermes, '<think>\n\n</think>\n\nYes.', whole({ content: 'Yes.' })],
  [
    'thinking off',
    { ...hermes, thinking: 'off' },
    '<think>a</think>b',
    whole({ content: '<think>a</think>b' }),
  ],
  [
    'tags in the middle',
    hermes,
    'a <think> b </think>',
    whole({ content: 'a <think> b </think>' }),
  ],
  ['a call', hermes, oslo, whole({ calls: [call('{"city": "Oslo"}')] })],
  [
    'text, two calls, text',
    hermes,
    `Let me see.\n${oslo}\n${oslo}\nDone.`,
    whole({
      content: 'Let me see.Done.',
      calls: [call('{"city": "Oslo"}'), call('{"city": "Oslo"}')],
    }),
  ],
  [
    'a call behind a thought that speaks of one',
    hermes,
    `<think>\n${oslo}\n</think>\n\n${oslo}`,
    whole({ reasoning: oslo, calls: [call('{"city": "Oslo"}')] }),
  ],
  ['no tools', { ...hermes, tools: [] }, oslo, whole({ content: oslo })],
  [
    'malformed',
    hermes,
    'a\n<tool_call>\n{"nom": 1}\n</tool_call>',
    whole({ content: 'a\n<tool_call>\n{"nom": 1}\n</tool_call>' }),
  ],
  [
    'prose in a call',
    hermes,
    `<tool_call>so ${oslo}`,
    whole({ content: '<tool_call>so', calls: [call('{"city": "Oslo"}')] }),
  ],
  [
    'not an object',
    hermes,
    '<tool_call>[1]</tool_call>',
    whole({ content: '<tool_call>[1]</tool_call>' }),
  ],
  ['half a marker at the end', hermes, 'a <tool_ca', whole({ content: 'a <tool_ca' })],
  [
    'no arguments',
    hermes,
    '<tool_call>{"name": "now"}</tool_call>',
    whole({ calls: [call('{}', 'now')] }),
  ],
  [
    'null arguments',
    hermes,
    '<tool_call>{"name": "now", "arguments": null}</tool_call>',
    whole({ calls: [call('{}', 'now')] }),
  ],
  [
    'arguments in a string',
    hermes,
    '<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Bonn\\"}"}</tool_call>',
    whole({ calls: [call('{"city": "Bonn"}')] }),
  ],
  [
    'arguments first',
    hermes,
    '<tool_call>{"arguments": {"a": [1, {}]}, "id": 3, "name": "f"}</tool_call>',
    whole({ calls: [call('{"a": [1, {}]}', 'f')] }),
  ],
  [
    'arguments that are a list',
    hermes,
    '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
    whole({ content: '<tool_call>{"name": "f", "arguments": [1]}</tool_call>' }),
  ],
  [
    'markers inside a string',
    hermes,
    '<tool_call>{"name": "f", "arguments": {"a": "</tool_call> }"}}</tool_call>',
    whole({ calls: [call('{"a": "</tool_call> }"}', 'f')] }),
  ],
  [
    'a newline inside a string',
    hermes,
    '<tool_call>{"name": "f", "arguments": {"a": "x\ny"}}</tool_call>',
    whole({ calls: [call('{"a": "x\\ny"}', 'f')] }),
  ],
  [
    'a brace too few',
    hermes,
    '<tool_call>{"name": "f", "arguments": {"a": 1}</tool_call>b',
    whole({ calls: [call('{"a": 1}', 'f')], content: 'b' }),
  ],
  [
    'broken off',
    hermes,
    '<tool_call>{"name": "f", "arguments": {"a": "x", "b": [tr',
    whole({ calls: [call('{"a": "x", "b": []}', 'f', true)], content: 'tr' }),
  ],
  [
    'broken off in the name',
    hermes,
    '<tool_call>{"name": "f',
    whole({ content: '<tool_call>{"name": "f' }),
  ],
  [
    'garbage in arguments',
    hermes,
    '<tool_call>{"name": "f", "arguments": {"a": "x" oops}}</tool_call>',
    whole({ calls: [call('{"a": "x" }', 'f', true)], content: 'oops}}</tool_call>' }),
  ],
  ['Qwen3-Coder', coder, osloXml, whole({ calls: [call('{"city": "Oslo", "days": 3}')] })],
  [
    'two of them',
    coder,
    `Ok.\n${osloXml}\n${osloXml}`,
    whole({
      content: 'Ok.',
      calls: [call('{"city": "Oslo", "days": 3}'), call('{"city": "Oslo", "days": 3}')],
    }),
  ],
  [
    'without the wrapper',
    coder,
    'So: <function=weather><parameter=city>A\nB</parameter></function> ok',
    whole({ content: 'So:ok', calls: [call('{"city": "A\\nB"}')] }),
  ],
  [
    'without ends',
    coder,
    '<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n<parameter=days>\n2\n</function>\n</tool_call>',
    whole({ calls: [call('{"city": "Oslo", "days": 2}')] }),
  ],
  [
    'without the end of the function',
    coder,
    '<tool_call><function=weather><parameter=metric>True</parameter></tool_call>!',
    whole({ content: '!', calls: [call('{"metric": true}')] }),
  ],
  [
    'a wrong type',
    coder,
    '<function=weather><parameter=days>many</parameter></function>',
    whole({ calls: [call('{"days": "many"}')] }),
  ],
  [
    'an object',
    coder,
    '<function=weather>\n<parameter=where>\n{"lat": 1.50}\n</parameter>\n</function>',
    whole({ calls: [call('{"where": {"lat": 1.50}}')] }),
  ],
  [
    'null or a text',
    coder,
    '<function=weather><parameter=units>null</parameter></function>',
    whole({ calls: [call('{"units": null}')] }),
  ],
  [
    'an unknown parameter',
    coder,
    '<function=f><parameter=x>12</parameter></function>',
    whole({ calls: [call('{"x": "12"}', 'f')] }),
  ],
  [
    'an empty value',
    coder,
    '<function=weather>\n<parameter=city>\n</parameter>\n</function>',
    whole({ calls: [call('{"city": ""}')] }),
  ],
  [
    'code in a value',
    coder,
    '<function=f><parameter=x>\nif a < b:\n  "</p>" 😀\n</parameter></function>',
    whole({ calls: [call('{"x": "if a < b:\\n  \\"</p>\\" 😀"}', 'f')] }),
  ],
  [
    'no function',
    coder,
    '<tool_call>\nhm</tool_call>',
    whole({ content: '<tool_call>\nhm</tool_call>' }),
  ],
  ['no name', coder, 'a <function=> b', whole({ content: 'a <function=> b' })],
  [
    'broken off in a value',
    coder,
    '<function=weather><parameter=city>Os',
    whole({ calls: [call('{"city": "Os"}', 'weather', true)] }),
  ],
  [
    'words between values',
    coder,
    '<function=weather>oops</function>',
    whole({ content: 'oops</function>', calls: [call('{}', 'weather', true)] }),
  ],
]

describe('a reply parser', () => {
  it.each(cases)('reads %s, however it is cut', (_, options, text, expected) => {
    expect(parse([text], options)).toEqual(expected)
    expect(parse([...text], options)).toEqual(expected)
    for (let i = 0; i <= text.length; i++)
      for (let j = i; j <= text.length; j += 7)
        expect(parse([text.slice(0, i), text.slice(i, j), text.slice(j)], options)).toEqual(
          expected,
        )
  })

  const part = fc.oneof(
    fc.constantFrom('<think>', '</think>', '<tool_call>', '</tool_call>', '\n', ' ', '{', '}', '"'),
    fc.constantFrom(
      '"name": "f"',
      '"arguments": ',
      '{"a": ',
      '[1, -2.5e3',
      'true',
      ',',
      ']',
      '\\u00e9',
    ),
    fc.constantFrom(
      '<function=f>',
      '<function=',
      '</function>',
      '<parameter=city>',
      '</parameter>',
    ),
    fc.constantFrom(oslo, osloXml, '<parameter=days>3', '\n</', 'é😀'),
    fc.string({ maxLength: 4 }),
  )
  const options = fc.record({
    format: fc.constantFrom('hermes' as const, 'qwen3_coder' as const),
    thinking: fc.constantFrom('open' as const, 'auto' as const, 'off' as const),
    tools: fc.constant(tools),
  })

  it('gives the same whole for any text in any pieces', () => {
    fc.assert(
      fc.property(
        options,
        fc.array(part, { maxLength: 24 }),
        fc.array(fc.nat(), { maxLength: 9 }),
        (how, parts, cuts) => {
          const text = parts.join('')
          const at = cuts.map(cut => cut % (text.length + 1)).sort((a, b) => a - b)
          const pieces = [...at, text.length].map((end, i) =>
            text.slice(i === 0 ? 0 : at[i - 1], end),
          )
          const once = parse([text], how)
          expect(parse(pieces, how)).toEqual(once)
          expect(parse(text.split(''), how)).toEqual(once)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('shows a long value while it comes', () => {
    const parser = createReplyParser(hermes)
    parser.push('<tool_call>{"name": "weather", "arguments": {"city": "')
    expect(parser.push('Os')).toEqual([{ type: 'tool_call', index: 0, arguments: 'Os' }])
    expect(parser.push('lo')).toEqual([{ type: 'tool_call', index: 0, arguments: 'lo' }])
  })

  it('knows the format by the template and the start by the prompt', () => {
    const qwen3 = '<tool_call>{"name"</tool_call> <think>'
    expect(replyFormat(qwen3)).toBe('hermes')
    expect(replyFormat('<tool_call><function=x>')).toBe('qwen3_coder')
    expect(replyFormat('{{ content }}')).toBe('plain')
    expect(thinkingStart(hasThoughts(qwen3), 'assistant\n<think>\n')).toBe('open')
    expect(thinkingStart(hasThoughts(qwen3), 'assistant\n<think>\n\n</think>\n\n')).toBe('off')
    expect(thinkingStart(hasThoughts(qwen3), 'assistant\n')).toBe('auto')
    expect(thinkingStart(hasThoughts('{{ content }}'), 'assistant\n')).toBe('off')
  })
})
