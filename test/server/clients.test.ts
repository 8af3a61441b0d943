import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { embed, generateText, jsonSchema, streamText, tool } from 'ai'
import { describe, expect, it } from 'vitest'
import { createConclave } from '../../lib/ai-sdk/provider.ts'
import { QwenClient } from '../../lib/client/client.ts'
import { defaultApp, key } from './default-app.ts'

const content = 'Sort these words: pear, apple, fig'
const messages = [{ role: 'user' as const, content }]

describe('clients in process', () => {
  const held = defaultApp()
  const options = () => ({ apiKey: key, baseURL: 'http://conclave/v1', fetch: held.app.fetch })
  const own = () => held.model.chat(messages, { maxTokens: 16, temperature: 0 }).text()

  it('QwenClient answers, streams, embeds and says what went wrong', async () => {
    const client = new QwenClient({ ...options(), maxRetries: 0 })
    const asked = { messages, max_tokens: 16, temperature: 0 }
    const response = await client.chat(asked)
    expect(response.text).toBe(await own())
    expect(response.usage.promptTokens).toBeGreaterThan(0)
    let text = ''
    let usage = 0
    for await (const delta of client.stream(asked)) {
      text += delta.text ?? ''
      usage += delta.usage?.completionTokens ?? 0
    }
    expect([text, usage]).toEqual([response.text, response.usage.completionTokens])
    expect(await client.models()).toEqual(['conclave'])
    expect((await client.embed('a fox'))[0]!.length).toBeGreaterThan(8)
    const bad = client.chat({ ...asked, temperature: 9 })
    await expect(bad).rejects.toMatchObject({
      code: 'invalid_request',
      details: { status: 400, param: 'temperature' },
    })
    const stranger = new QwenClient({ ...options(), apiKey: 'no' })
    await expect(stranger.chat(asked)).rejects.toMatchObject({ code: 'unauthorized' })
    const stop = AbortSignal.timeout(20)
    const long = client.chat({ messages, max_tokens: 1500, ignore_eos: true }, { signal: stop })
    await expect(long).rejects.toMatchObject({ code: 'aborted' })
    for await (const _ of client.stream({ messages, max_tokens: 1500, ignore_eos: true })) break
    expect(held.app.active).toBe(0)
  })

  it('the AI SDK generates, streams and embeds through the provider', async () => {
    const conclave = createConclave(options())
    const asked = { model: conclave(), prompt: content, maxOutputTokens: 16, temperature: 0 }
    const { text, usage, finishReason } = await generateText(asked)
    expect(text).toBe(await own())
    expect(['stop', 'length']).toContain(finishReason)
    expect(usage.inputTokens).toBeGreaterThan(0)
    const stream = streamText(asked)
    let streamed = ''
    for await (const piece of stream.textStream) streamed += piece
    expect(streamed).toBe(text)
    expect((await stream.usage).outputTokens).toBe(usage.outputTokens)
    const { embedding } = await embed({ model: conclave.embeddingModel(), value: 'a fox' })
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5)
  })

  it('the AI SDK shows tools to the model', async () => {
    const conclave = createConclave(options())
    const weather = tool({
      description: 'Weather of a city',
      inputSchema: jsonSchema<{ city: string }>({
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
      }),
    })
    const prompt = 'What is the weather in Paris?'
    const result = await generateText({
      model: conclave(),
      prompt,
      tools: { weather },
      maxOutputTokens: 48,
      temperature: 0,
    })
    expect(result.usage.inputTokens).toBeGreaterThan(60)
    for (const call of result.toolCalls) expect(call.toolName).toBe('weather')
  })

  it('LangChain answers, streams and embeds', async () => {
    const { fetch, baseURL } = options()
    const configuration = { fetch, baseURL }
    const shared = { model: 'conclave', apiKey: key, configuration }
    const chat = new ChatOpenAI({ ...shared, temperature: 0, maxTokens: 16 })
    const reply = await chat.invoke([new HumanMessage(content)])
    expect(reply.content).toBe(await own())
    let text = ''
    for await (const chunk of await chat.stream(content)) text += chunk.content
    expect(text).toBe(reply.content)
    const vectors = await new OpenAIEmbeddings(shared).embedDocuments(['a', 'b'])
    expect(vectors).toHaveLength(2)
  })
})
