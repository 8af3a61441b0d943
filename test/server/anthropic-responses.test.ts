import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { ResponseStore } from '../../lib/server/response-store.ts'
import { clientOf, defaultApp, key } from './default-app.ts'

const content = 'Sort these words: pear, apple, fig'
const messages = [{ role: 'user' as const, content }]

describe('@anthropic-ai/sdk, unmodified', () => {
  const held = defaultApp()
  const client = (apiKey = key) =>
    new Anthropic({ apiKey, baseURL: 'http://conclave', fetch: held.app.fetch, maxRetries: 0 })
  const asked = { model: 'conclave', max_tokens: 16, temperature: 0, messages }
  const own = () => held.model.chat(messages, { maxTokens: 16, temperature: 0 }).result()

  it('answers, streams the same, and counts tokens', async () => {
    const message = await client().messages.create(asked)
    const { text, usage, finishReason } = await own()
    expect(message.content).toEqual([{ type: 'text', text }])
    expect(message.stop_reason).toBe(finishReason === 'length' ? 'max_tokens' : 'end_turn')
    expect(message.usage.output_tokens).toBe(usage.completionTokens)
    const stream = client().messages.stream(asked)
    const pieces: string[] = []
    stream.on('text', piece => pieces.push(piece))
    const final = await stream.finalMessage()
    expect(pieces.join('')).toBe(text)
    expect(final.content).toEqual(message.content)
    expect(final.stop_reason).toBe(message.stop_reason)
    const { input_tokens } = await client().messages.countTokens({ model: 'conclave', messages })
    expect(input_tokens).toBe(usage.promptTokens)
  })

  it('tells which stop sequence ended it', async () => {
    const { text } = await own()
    const stop = text.slice(3, 6)
    const message = await client().messages.create({ ...asked, stop_sequences: ['zzz', stop] })
    expect([message.stop_reason, message.stop_sequence]).toEqual(['stop_sequence', stop])
  })

  it('takes a system, tools, their use and their results', async () => {
    const message = await client().messages.create({
      ...asked,
      system: [{ type: 'text', text: 'Be brief.' }],
      tools: [{ name: 'weather', input_schema: { type: 'object', properties: {} } }],
      messages: [
        ...messages,
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Rome' } },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'sunny' }] },
      ],
    })
    expect(message.usage.input_tokens).toBeGreaterThan(60)
  })

  it('lists the model', async () => {
    const { data, has_more: more } = await client().models.list()
    expect([data.map(model => model.id), more]).toEqual([['conclave'], false])
    const { type, display_name: name, created_at: at } = await client().models.retrieve('conclave')
    expect([type, name, Number.isNaN(Date.parse(at))]).toEqual(['model', 'conclave', false])
  })

  it('holds an answer to the schema of output_config, or refuses', async () => {
    const schema = {
      type: 'object',
      properties: { city: { enum: ['Rome', 'Oslo'] }, days: { type: 'integer' } },
      required: ['city', 'days'],
      additionalProperties: false,
    }
    const ask = (schema: Record<string, unknown>) =>
      client().messages.create({
        ...asked,
        max_tokens: 64,
        output_config: { format: { type: 'json_schema', schema } },
      })
    const [block] = (await ask(schema)).content
    const answer = JSON.parse(block?.type === 'text' ? block.text : '')
    expect(schema.properties.city.enum).toContain(answer.city)
    expect(Number.isInteger(answer.days)).toBe(true)
    await expect(ask({ type: 'mystery' })).rejects.toBeInstanceOf(Anthropic.BadRequestError)
  })

  it('maps errors to the classes of the client', async () => {
    await expect(client('no').messages.create(asked)).rejects.toBeInstanceOf(
      Anthropic.AuthenticationError,
    )
    const wrong = client().messages.create({ ...asked, max_tokens: 0 })
    await expect(wrong).rejects.toBeInstanceOf(Anthropic.BadRequestError)
    const image = { type: 'image' as const, source: { type: 'url' as const, url: 'http://a' } }
    const pictured = [{ role: 'user' as const, content: [image] }]
    await expect(client().messages.create({ ...asked, messages: pictured })).rejects.toMatchObject({
      status: 400,
      error: {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: expect.stringMatching(/^messages\[0\]\.content: .*images and documents/),
        },
      },
    })
    await expect(client().messages.create({ ...asked, model: 'x' })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    )
  })
})

describe('/v1/responses by the openai client', () => {
  const held = defaultApp({ apiKeys: [key, 'sk-other'] })
  const asked = { model: 'conclave', max_output_tokens: 16, temperature: 0, input: content }

  it('answers as the chat does, and streams the same', async () => {
    const client = clientOf(held.app)
    const response = await client.responses.create(asked)
    const own = await held.model.chat(messages, { maxTokens: 16, temperature: 0 }).result()
    expect(response.output_text).toBe(own.text)
    expect(response.usage!.output_tokens).toBe(own.usage.completionTokens)
    const stream = client.responses.stream(asked)
    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    const final = await stream.finalResponse()
    expect(final.output_text).toBe(own.text)
    expect(types[0]).toBe('response.created')
    expect(types.at(-1)).toBe(`response.${final.status}`)
    expect(types).toContain('response.output_text.done')
  })

  it('goes on from a stored response of the same key alone', async () => {
    const client = clientOf(held.app)
    const first = await client.responses.create({ ...asked, instructions: 'Be brief.' })
    const more = { ...asked, input: 'And now backwards', previous_response_id: first.id }
    const second = await client.responses.create(more)
    const { ids } = held.model.tokenizer!.applyChatTemplate([
      ...messages,
      { role: 'assistant', content: first.output_text },
      { role: 'user', content: 'And now backwards' },
    ])
    expect(second.usage!.input_tokens).toBe(ids.length)
    expect((await client.responses.retrieve(first.id)).output_text).toBe(first.output_text)
    const other = clientOf(held.app, 'sk-other')
    await expect(other.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 })
    await expect(other.responses.create(more)).rejects.toMatchObject({
      status: 404,
      param: 'previous_response_id',
    })
    await client.responses.delete(first.id)
    await expect(client.responses.create(more)).rejects.toMatchObject({ status: 404 })
    const unkept = await client.responses.create({ ...asked, store: false })
    await expect(client.responses.retrieve(unkept.id)).rejects.toMatchObject({ status: 404 })
  })

  it('keeps responses within its bound', () => {
    const store = new ResponseStore(10_000, 100)
    for (let i = 0; i < 1000; i++)
      store.put(`${i}`, { tenant: '', messages: [], response: { text: 'x'.repeat(100) } })
    expect(store.bytes).toBeLessThanOrEqual(10_000)
    expect(store.get('0', '')).toBeUndefined()
    expect(store.get('999', '')).toBeDefined()
    expect(store.get('999', 'b')).toBeUndefined()
  })
})
