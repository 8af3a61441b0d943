import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { clientOf, defaultApp, errorOf, post } from './default-app.ts'

const model = 'conclave'
const messages = [
  { role: 'user' as const, content: 'Convert to JSON: name is Ada Chen, age is 31' },
]
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 20 },
    age: { type: 'integer' },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 },
  },
  required: ['name', 'age', 'tags'],
  additionalProperties: false,
}
const tool = (name: string) => ({
  type: 'function' as const,
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 12 }, days: { type: 'integer' } },
      required: ['city', 'days'],
      additionalProperties: false,
    },
  },
})

describe('structured output', () => {
  const held = defaultApp()
  const chat = '/v1/chat/completions'
  const create = (more: object) =>
    clientOf(held.app).chat.completions.create({
      model,
      messages,
      max_tokens: 120,
      temperature: 0,
      ...more,
    })

  it('holds the reply to a schema, in a stream too', async () => {
    const format = {
      type: 'json_schema' as const,
      json_schema: { name: 'p', schema, strict: true },
    }
    const { choices } = await create({ response_format: format, n: 2, temperature: 1 })
    const validate = new Ajv2020().compile(schema)
    for (const { message } of choices) expect(validate(JSON.parse(message.content!))).toBe(true)
    const stream = await clientOf(held.app).chat.completions.create({
      model,
      messages,
      max_tokens: 120,
      stream: true,
      response_format: format,
    })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    expect(validate(JSON.parse(text))).toBe(true)
    const object = await create({ response_format: { type: 'json_object' } })
    expect(typeof JSON.parse(object.choices[0]!.message.content!)).toBe('object')
  })

  it('holds it to a pattern, a choice and a grammar', async () => {
    const text = async (more: object) => (await create(more)).choices[0]!.message.content
    const regex = await text({ structured_outputs: { regex: '[a-c]{2,4}-\\d{3}' } })
    expect(regex).toMatch(/^[a-c]{2,4}-\d{3}$/)
    const choice = ['yes, of course', 'no']
    expect(choice).toContain(await text({ structured_outputs: { choice } }))
    expect(choice).toContain(await text({ guided_choice: choice }))
    const grammar = 'root ::= "<" [0-9] [0-9]? ">"'
    expect(await text({ structured_outputs: { grammar } })).toMatch(/^<\d\d?>$/)
    const body = { prompt: 'a', max_tokens: 9, structured_outputs: { regex: '[xy]{3}' } }
    const completion = await (await post(held.app, '/v1/completions', body)).json()
    const { choices } = completion as { choices: { text: string }[] }
    expect(choices[0]!.text).toMatch(/^[xy]{3}$/)
  })

  it('refuses what it cannot hold to, naming the field', async () => {
    const refused = async (more: object) => {
      const response = await post(held.app, chat, { messages, max_tokens: 4, ...more })
      return [response.status, (await errorOf(response)).param]
    }
    const json = (bad: object) => ({
      response_format: { type: 'json_schema', json_schema: { name: 'p', schema: bad } },
    })
    expect(await refused(json({ type: 'mystery' }))).toEqual([400, 'response_format'])
    expect(await refused(json({ $ref: 'http://a/b' }))).toEqual([400, 'response_format'])
    expect(await refused({ structured_outputs: { regex: '(' } })).toEqual([
      400,
      'structured_outputs.regex',
    ])
    const two = { structured_outputs: { regex: 'a', choice: ['a'] } }
    expect(await refused(two)).toEqual([400, 'structured_outputs.choice'])
    expect((await refused({ structured_outputs: { other: 1 } }))[0]).toBe(400)
    expect((await refused({ response_format: { type: 'xml' } }))[0]).toBe(400)
    expect((await refused({ response_format: { type: 'json_schema' } }))[0]).toBe(400)
  })

  it('makes the model call a tool: any, or the one that is named', async () => {
    const tools = [tool('weather'), tool('news')]
    const any = await create({ tools, tool_choice: 'required' })
    const [call] = any.choices[0]!.message.tool_calls!
    if (call?.type !== 'function') throw new Error('no function')
    expect(['weather', 'news']).toContain(call.function.name)
    const { city, days } = JSON.parse(call.function.arguments)
    expect([typeof city, Number.isInteger(days)]).toEqual(['string', true])
    expect(any.choices[0]!.finish_reason).toBe('tool_calls')
    expect(any.choices[0]!.message.content).toBeNull()
    const stream = clientOf(held.app).chat.completions.stream({
      model,
      messages,
      tools,
      max_tokens: 120,
      tool_choice: { type: 'function', function: { name: 'news' } },
    })
    let numPieces = 0
    stream.on('tool_calls.function.arguments.delta', () => numPieces++)
    const final = await stream.finalChatCompletion()
    const [named] = final.choices[0]!.message.tool_calls!
    if (named?.type !== 'function') throw new Error('no function')
    expect(named.function.name).toBe('news')
    expect(() => JSON.parse(named.function.arguments)).not.toThrow()
    expect(numPieces).toBeGreaterThan(2)
  })

  it('makes the model call a tool of those that are allowed, or refuses', async () => {
    const tools = [tool('weather'), tool('news')]
    const allowed = (name: string) => ({
      type: 'allowed_tools' as const,
      allowed_tools: {
        mode: 'required' as const,
        tools: [{ type: 'function', function: { name } }],
      },
    })
    for (const name of ['weather', 'news']) {
      const { choices } = await create({ tools, tool_choice: allowed(name) })
      const [call] = choices[0]!.message.tool_calls!
      expect(call?.type === 'function' && call.function.name).toBe(name)
    }
    await expect(create({ tools, tool_choice: allowed('other') })).rejects.toMatchObject({
      status: 400,
      param: 'tool_choice',
    })
    const response = await clientOf(held.app).responses.create({
      model,
      input: 'Hello',
      max_output_tokens: 120,
      tools: tools.map(({ function: { name, parameters } }) => ({
        ...{ type: 'function' as const, name, strict: true },
        parameters: { ...parameters },
      })),
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [{ type: 'function', name: 'news' }],
      },
    })
    expect(response.output).toMatchObject([{ type: 'function_call', name: 'news' }])
  })
})
