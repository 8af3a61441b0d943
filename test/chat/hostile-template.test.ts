import { describe, expect, test } from 'vitest'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { ChatTemplate } from '../../lib/chat/template.ts'
import { qwen3Files } from '../tokenizer/qwen3.ts'

const double = `{% set x = "ab" %}${'{% set x = x ~ x %}'.repeat(40)}{{ x }}`
const doublePair = '{% set x = [x, x] %}{% set y = [y, y] %}'
const deepValue =
  '{% set ns = namespace(x=[], y=[]) %}{% for i in range(5000) %}' +
  '{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}'
const bigText = '{% set x = "a" * 1000000 %}'

/** TP-1: each needs more time, memory or stack than a chat does. */
const limits: [string, string][] = [
  ['a range of a billion', '{% for i in range(1000000000) %}x{% endfor %}'],
  ['a range of 10^18', '{{ range(1000000000000000000) | list }}'],
  [
    'a loop in a loop',
    '{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}',
  ],
  ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'],
  ['doubling a text', double],
  ['doubling a list', `{% set x = [1] %}${'{% set x = x + x %}'.repeat(40)}`],
  ['a gigabyte of output', '{% for i in range(100000) %}{{ "x" * 10000 }}{% endfor %}'],
  ['repeating a text', '{{ "x" * 1000000000 }}'],
  ['repeating nothing', '{% set x = "" * 1000000000000 %}'],
  ['repeating a list', '{% set x = [] * 1000000000000 %}'],
  ['a replacement that explodes', `${bigText}{{ x.replace("a", x) }}`],
  ['a join that explodes', `${bigText}{{ [x, x, x, x, x, x] | join(x) }}`],
  ['a search in a haystack', `${bigText}{{ ("b" ~ x[:500000]) in x }}`],
  ['sorting for ever', '{% for i in range(90) %}{% set x = range(20000) | sort %}{% endfor %}'],
  ['unique of a long list', '{{ range(100000) | list | unique | list }}'],
  ['indenting by a text', `${bigText}{{ ("\n" * 10000) | indent(x) }}`],
  ['a chain of ten thousand pluses', `{{ 1${' + 1'.repeat(10_000)} }}`],
  ['a deep value', `${deepValue}{{ ns.x }}`],
  ['a deep value as JSON', `${deepValue}{{ ns.x | tojson }}`],
  ['a deep value compared', `${deepValue}{{ ns.x == ns.y }}`],
  [
    'a value that doubles as it is printed',
    `{% set x = [1] %}${'{% set x = [x, x] %}'.repeat(40)}{{ x }}`,
  ],
  [
    'a value that doubles as it is compared',
    `{% set x = [1] %}{% set y = [1] %}${doublePair.repeat(40)}{{ x == y }}`,
  ],
]

/** TP-2 and TP-4: templates that are wrong. */
const broken: [string, string][] = [
  ['20,000 parentheses', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
  ['20,000 brackets', `{{ ${'['.repeat(20_000)} }}`],
  ['a megabyte', 'x'.repeat(1 << 20)],
  ['a megabyte of blanks', `${' '.repeat(1 << 20)}{{ 1 }}`],
  ['100 kB of blanks', `${' '.repeat(100_000)}{% generation %}`],
  ['an open block', '{% if true %}x'],
  ['an open loop', '{% for x in y %}'],
  ['an open expression', '{{ 1 +'],
  ['an open text', "{{ 'abc }}"],
  ['an open comment', '{# abc'],
  ['an unknown statement', '{% include "/etc/passwd" %}'],
  ['an import', '{% import "os" as os %}'],
  ['an unknown filter', '{{ 1 | system }}'],
  ['an unknown test', '{{ 1 is evil }}'],
  ['a refusal', '{{ raise_exception("no tools here") }}'],
  ['an attribute of nothing', '{{ nothing.at.all }}'],
  ['a sum of text and number', '{{ "a" + 1 }}'],
  ['a division by zero', '{{ 1 / 0 }}'],
  ['a call of a text', '{{ "a"() }}'],
]

/** TP-3: doors to the host that must not be there. */
const doors = [
  '""|attr("x")',
  '"".constructor',
  '"".__class__',
  '[].constructor',
  '{}.__proto__',
  '{}["constructor"]',
  'messages.constructor',
  'messages[0].__class__.__mro__',
  'range.constructor("return process")()',
  'range["constructor"]',
  'process',
  'globalThis',
  'require("fs")',
  'import("fs")',
  'namespace().constructor',
  'namespace().__proto__',
  'self',
  'cycler.__init__.__globals__',
  'loop',
  '"a".toString',
  '"a".valueOf()',
  '[1].map',
  '[1].push(2)',
  '{"a": 1}.pop("a")',
  '{"a": 1}.hasOwnProperty',
  'raise_exception.call',
  'strftime_now.apply',
  'lipsum.__globals__',
]

const code = (source: string): string => {
  try {
    new ChatTemplate(source).render(new Map(), 0)
    return 'rendered'
  } catch (error) {
    return (error as { code?: string }).code ?? `not ours: ${error}`
  }
}

describe('a template within bounds', () => {
  code('{{ 1 }}')

  test.each(limits)('%s: template_limit', (_name, source) => {
    const start = process.cpuUsage()
    expect(code(source)).toBe('template_limit')
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(200)
  })

  test.each(broken)('%s: template_error', (_name, source) => {
    const start = process.cpuUsage()
    expect(code(source)).toBe('template_error')
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(200)
  })

  test.each(doors)('%s leads nowhere', source => {
    let text: string
    try {
      text = new ChatTemplate(`{{ ${source} }}`).render(new Map(), 0).value
    } catch (error) {
      expect((error as { code: string }).code).toBe('template_error')
      return
    }
    expect(text).toBe('')
  })

  test('a template may not change what it is given', () => {
    expect(code('{% set messages.x = 1 %}')).toBe('template_error')
  })
})

test('a refusal says what the template said', () => {
  const template = new ChatTemplate('{{ raise_exception("Only user and assistant") }}')
  expect(() => template.render(new Map(), 0)).toThrow(/Only user and assistant/)
})

test('the clock is handed in', () => {
  const template = new ChatTemplate('{{ strftime_now("%d %B %Y, %H:%M %a") }}')
  const at = () => new Date(2024, 10, 24, 21, 5)
  expect(template.render(new Map(), 0, at).value).toBe('24 November 2024, 21:05 Sun')
})

describe('requests', () => {
  const tokenizer = ModelTokenizer.fromFiles({
    tokenizer: qwen3Files.tokenizer,
    tokenizerConfig: qwen3Files.tokenizerConfig,
  })
  const user = [{ role: 'user', content: 'Hi' }]
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`)
  const bad: [string, unknown, unknown][] = [
    ['no messages', [], {}],
    ['messages that are a text', 'Hi', {}],
    ['too many messages', new Array(100_000).fill(user[0]), {}],
    ['an unknown role', [{ role: 'root', content: 'Hi' }], {}],
    ['a role that is no text', [{ role: 1, content: 'Hi' }], {}],
    ['null content', [{ role: 'user', content: null }], {}],
    ['no content', [{ role: 'user' }], {}],
    ['a number as content', [{ role: 'user', content: 7 }], {}],
    ['an image', [{ role: 'user', content: [{ type: 'image_url' }] }], {}],
    ['a message that is null', [null], {}],
    ['tool calls of a user', [{ role: 'user', content: '', tool_calls: [] }], {}],
    ['a tool call without a name', [{ role: 'assistant', content: '', tool_calls: [{}] }], {}],
    ['tools that are a text', user, { tools: 'get_weather' }],
    ['deep options', user, { templateOptions: { deep } }],
    ['a function as option', user, { templateOptions: { f: () => 1 } }],
    ['a prompt switch that is a text', user, { addGenerationPrompt: 'yes' }],
    ...['messages', 'tools', 'tokenize', 'add_generation_prompt', 'chat_template'].map(
      (name): [string, unknown, unknown] => [name, user, { templateOptions: { [name]: true } }],
    ),
  ]
  test.each(bad)('%s: invalid_request', (_name, messages, options) => {
    const apply = () => tokenizer.applyChatTemplate(messages as never, options as never)
    expect(apply).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  test('a model without a template: template_error', () => {
    const bare = ModelTokenizer.fromFiles({ tokenizer: qwen3Files.tokenizer })
    expect(bare.hasChatTemplate).toBe(false)
    expect(() => bare.applyChatTemplate(user as never)).toThrow(
      expect.objectContaining({ code: 'template_error' }),
    )
  })

  test('named templates: the one for tools is taken with tools', () => {
    const named = ModelTokenizer.fromFiles({
      tokenizer: qwen3Files.tokenizer,
      tokenizerConfig: {
        chat_template: [
          { name: 'default', template: 'plain' },
          { name: 'tool_use', template: 'tools' },
        ],
      },
    })
    const tools = [{ type: 'function', function: { name: 'f' } }]
    expect(named.applyChatTemplate(user as never).text).toBe('plain')
    expect(named.applyChatTemplate(user as never, { tools: tools as never }).text).toBe('tools')
  })
})
