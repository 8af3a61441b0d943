import { describe, expect, test } from 'vitest'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { ChatTemplate } from '../../lib/chat/template.ts'
import { qwen3Files } from '../tokenizer/qwen3.ts'
import { broken, doors, limits } from './hostile-templates.ts'

const code = (source: string): string => {
  try {
    new ChatTemplate(source).render(new Map(), 0)
    return 'rendered'
  } catch (error) {
    return (error as { code?: string }).code ?? `not ours: ${error}`
  }
}

/** Processor time of the quickest of three tries, each of which gives `expected`. */
function leastMs(source: string, expected: string): number {
  const tries = Array.from({ length: 3 }, () => {
    const start = process.cpuUsage()
    expect(code(source)).toBe(expected)
    return process.cpuUsage(start).user / 1000
  })
  return Math.min(...tries)
}

describe('a template within bounds', () => {
  code('{{ 1 }}')

  test.each(limits)('%s: template_limit', (_name, source) => {
    expect(leastMs(source, 'template_limit')).toBeLessThan(200)
  })

  test.each(broken)('%s: template_error', (_name, source) => {
    expect(leastMs(source, 'template_error')).toBeLessThan(200)
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
  const at = () => new Date(2024, 10, 24, 21, 5)
  const template = new ChatTemplate('{{ strftime_now("%d %B %Y, %H:%M %a") }}', new Map(), at)
  expect(template.render(new Map(), 0).value).toBe('24 November 2024, 21:05 Sun')
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
