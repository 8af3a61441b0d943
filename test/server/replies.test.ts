import Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../lib/server/app.ts'
import { clientOf } from './default-app.ts'
import { repeatingModel, sayingTemplate } from './repeating-model.ts'

type Message = OpenAI.ChatCompletionMessage & { reasoning_content?: string }
type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning_content?: string }

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
    },
  },
}
const hermes = {
  app: createApp(repeatingModel(sayingTemplate('<think> </think> <tool_call>'))),
  call: '<tool_call>\n{"name": "weather", "arguments": {"city": "Ürümqi", "days": 3}}\n</tool_call>',
}
const coder = {
  app: createApp(repeatingModel(sayingTemplate('<tool_call> <function='))),
  call:
    '<tool_call>\n<function=weather>\n<parameter=city>\nÜrümqi\n</parameter>\n' +
    '<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
}
const wanted = { city: 'Ürümqi', days: 3 }

/** What the model says, whole and summed from a stream; both must be one. */
async function said(app: typeof hermes.app, content: string, more: object = {}) {
  const body = {
    model: 'conclave',
    messages: [{ role: 'user' as const, content }],
    max_tokens: 400,
    ...more,
  }
  const { completions } = clientOf(app).chat
  const [choice] = (await completions.create(body)).choices
  const message = choice!.message as Message
  const sum = { content: '', reasoning: '', finish: '', pieces: 0, calls: [] as string[] }
  for await (const { choices } of await completions.create({ ...body, stream: true })) {
    const { delta, finish_reason: finish } = choices[0] as { delta: Delta; finish_reason: string }
    sum.content += delta.content ?? ''
    sum.reasoning += delta.reasoning_content ?? ''
    for (const { index, function: called } of delta.tool_calls ?? []) {
      if (called?.arguments) sum.pieces++
      sum.calls[index] = (sum.calls[index] ?? called!.name!) + (called?.arguments ?? '')
    }
    if (finish) sum.finish = finish
  }
  const { tool_calls: calls = [] } = message
  const whole = calls.flatMap(c => (c.type === 'function' ? [c.function] : []))
  expect(sum).toMatchObject({
    content: message.content ?? '',
    reasoning: message.reasoning_content ?? '',
    finish: choice!.finish_reason,
    calls: whole.map(({ name, arguments: text }) => name + text),
  })
  return { message, calls: whole, finish: choice!.finish_reason, pieces: sum.pieces }
}

describe('what a model says', () => {
  it.for([
    ['it opens itself', '<think>\nSo be it.\n</think>\n\nHello', {}],
    ['the prompt opened', 'So be it.\n</think>\n\nHello', { enable_thinking: true }],
  ] as const)('comes as reasoning_content where %s', async ([, text, kwargs]) => {
    const { message } = await said(hermes.app, text, { chat_template_kwargs: kwargs })
    expect([message.reasoning_content?.trim(), message.content]).toEqual(['So be it.', 'Hello'])
  })

  it.for([{ reasoning_effort: 'none' }, { chat_template_kwargs: { enable_thinking: false } }])(
    'is all content with %j',
    async more => {
      const { message } = await said(hermes.app, 'Hello <b>', more)
      expect([message.reasoning_content, message.content]).toEqual([undefined, 'Hello <b>'])
    },
  )

  it.for([
    ['JSON as Hermes', hermes],
    ['XML as Qwen3-Coder', coder],
  ] as const)('comes as tool_calls where it is %s', async ([, { app, call }]) => {
    const once = await said(app, `Let me see.\n${call}`, { tools: [weather] })
    expect(once.calls.map(c => [c.name, JSON.parse(c.arguments)])).toEqual([['weather', wanted]])
    expect([once.finish, once.message.content?.trim()]).toEqual(['tool_calls', 'Let me see.'])
    expect(once.pieces).toBeGreaterThan(2)
    const twice = await said(app, `${call}\n${call}`, { tools: [weather], tool_choice: 'auto' })
    expect(twice.calls.map(c => JSON.parse(c.arguments))).toEqual([wanted, wanted])
    expect(twice.message.content).toBeNull()
  })

  it('is one call where several are not wanted, through every API', async () => {
    const { app, call } = hermes
    const content = `${call}\n${call}`
    const one = await said(app, content, { tools: [weather], parallel_tool_calls: false })
    expect(one.calls.map(c => JSON.parse(c.arguments))).toEqual([wanted])
    expect(one.finish).toBe('tool_calls')
    const { name, parameters } = weather.function
    const anthropic = new Anthropic({
      apiKey: 'a',
      baseURL: 'http://conclave',
      fetch: app.fetch,
    })
    const asked = (single: boolean) =>
      anthropic.messages.create({
        model: 'conclave',
        max_tokens: 400,
        messages: [{ role: 'user', content }],
        tools: [{ name, input_schema: { ...parameters, type: 'object' } }],
        tool_choice: { type: 'auto', disable_parallel_tool_use: single },
      })
    expect((await asked(false)).content).toHaveLength(2)
    expect((await asked(true)).content).toEqual([expect.objectContaining({ input: wanted })])
    const response = await clientOf(app).responses.create({
      model: 'conclave',
      input: content,
      tools: [{ type: 'function', name, parameters, strict: false }],
      parallel_tool_calls: false,
    })
    expect(response.output).toHaveLength(1)
    expect(response.parallel_tool_calls).toBe(false)
  })

  it("is no call with tool_choice 'none'", async () => {
    const more = { tools: [weather], tool_choice: 'none' }
    const { calls, finish } = await said(hermes.app, 'Let me see.', more)
    expect([calls, finish]).toEqual([[], 'stop'])
  })

  it('comes as thinking and tool_use of Anthropic, as reasoning and function_call of responses', async () => {
    const content = `<think>\nSo be it.\n</think>\n\nSee.\n${hermes.call}`
    const { fetch } = hermes.app
    const anthropic = new Anthropic({ apiKey: 'a', baseURL: 'http://conclave', fetch })
    const { name, parameters } = weather.function
    const message = await anthropic.messages
      .stream({
        model: 'conclave',
        max_tokens: 400,
        messages: [{ role: 'user', content }],
        tools: [{ name, input_schema: { ...parameters, type: 'object' } }],
      })
      .finalMessage()
    expect(message.content.map(block => block.type)).toEqual(['thinking', 'text', 'tool_use'])
    expect(message.content[2]).toMatchObject({ name, input: wanted })
    expect(message.stop_reason).toBe('tool_use')
    const { output } = await clientOf(hermes.app).responses.create({
      model: 'conclave',
      input: content,
      tools: [{ type: 'function', name, parameters, strict: false }],
    })
    expect(output.map(item => item.type)).toEqual(['reasoning', 'message', 'function_call'])
    const [, , call] = output
    expect(JSON.parse(call?.type === 'function_call' ? call.arguments : '')).toEqual(wanted)
  })
})
