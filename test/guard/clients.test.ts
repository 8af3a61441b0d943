// The guard in the AI SDK and in any OpenAI client: nothing of a match reaches either side.
import type { LanguageModelV3, LanguageModelV3StreamPart } from '@ai-sdk/provider'
import { generateText, streamText, wrapLanguageModel } from 'ai'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { guardMiddleware } from '../../lib/ai-sdk/index.ts'
import { createGuard, guardedFetch, moderate } from '../../lib/guard/index.ts'

const policy = { categories: { phone: 'mask', email: 'block' } } as const
const phone = '138 0013 8000'
const mail = 'anna@example.com'
const call = {
  id: 'c1',
  type: 'function',
  function: { name: 'ring', arguments: `{"to":"${phone}"}` },
}

/** An OpenAI-compatible server that says `text` and calls a tool; it remembers what it was told. */
function upstream(text: string) {
  const told: string[] = []
  const fetch = async (input: string | URL | Request): Promise<Response> => {
    const body = await (input as Request).text()
    told.push(body)
    const same = { id: 'x', created: 1, model: 'm' }
    const message = {
      role: 'assistant',
      content: text,
      reasoning_content: text,
      tool_calls: [call],
    }
    if (JSON.parse(body).stream !== true)
      return Response.json({
        ...same,
        object: 'chat.completion',
        choices: [
          { index: 0, message, finish_reason: 'stop', logprobs: { content: [{ token: text }] } },
        ],
      })
    const deltas = [
      ...[...text].map(content => ({ content })),
      ...[...call.function.arguments].map((unit, i) => ({
        tool_calls: [{ index: 0, ...(i === 0 && { id: 'c1' }), function: { arguments: unit } }],
      })),
      {},
    ]
    const events = deltas.map((delta, i) => {
      const reason = i === deltas.length - 1 ? 'stop' : null
      const choices = [{ index: 0, delta, finish_reason: reason }]
      return `data: ${JSON.stringify({ ...same, object: 'chat.completion.chunk', choices })}\n\n`
    })
    const stream = new Blob([`${events.join('')}data: [DONE]\n\n`]).stream()
    return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
  }
  const client = new OpenAI({
    apiKey: 'none',
    fetch: guardedFetch(policy, fetch) as typeof globalThis.fetch,
  })
  return { client, told }
}
const ask = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] })

async function streamed(client: OpenAI, content: string) {
  const out = { text: '', args: '', reason: '' as string | null }
  const stream = await client.chat.completions.create({ ...ask(content), stream: true })
  for await (const { choices } of stream)
    for (const { delta, finish_reason } of choices) {
      out.text += delta.content ?? ''
      out.args += delta.tool_calls?.[0]?.function?.arguments ?? ''
      out.reason = finish_reason
    }
  return out
}

describe('guardedFetch', () => {
  test('masks a request and an answer', async () => {
    const { client, told } = upstream(`ring ${phone} now`)
    const { choices } = await client.chat.completions.create(ask(`I am ${phone}`))
    expect(told[0]).toContain('I am [PHONE]')
    expect(choices[0]!.message).toMatchObject({
      content: 'ring [PHONE] now',
      reasoning_content: 'ring [PHONE] now',
    })
    expect(JSON.stringify(choices)).not.toContain('0013')
    expect(JSON.parse(JSON.stringify(choices[0]!.message.tool_calls![0]))).toMatchObject({
      function: { name: 'ring', arguments: '{"to":"[PHONE]"}' },
    })
  })

  test('masks a stream and ends one', async () => {
    const masked = await streamed(upstream(`ring ${phone} now`).client, 'hi')
    expect(masked).toEqual({ text: 'ring [PHONE] now', args: '{"to":"[PHONE]"}', reason: 'stop' })
    const blocked = await streamed(upstream(`write to ${mail} now`).client, 'hi')
    expect(blocked).toEqual({ text: 'write to ', args: '', reason: 'content_filter' })
  })

  test('a blocked prompt never leaves', async () => {
    const { client, told } = upstream('hi')
    const { choices } = await client.chat.completions.create(ask(mail))
    expect(choices[0]).toMatchObject({ finish_reason: 'content_filter', message: { content: '' } })
    expect((await streamed(client, mail)).reason).toBe('content_filter')
    expect(told).toEqual([])
  })
})

function model(parts: LanguageModelV3StreamPart[], told: unknown[]): LanguageModelV3 {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  }
  const finishReason = { unified: 'stop', raw: 'stop' } as const
  const text = parts.map(part => ('delta' in part ? part.delta : '')).join('')
  return {
    specificationVersion: 'v3',
    provider: 'test',
    modelId: 'test',
    supportedUrls: {},
    async doGenerate({ prompt }) {
      told.push(prompt)
      return { content: [{ type: 'text', text }], finishReason, usage, warnings: [] }
    },
    async doStream({ prompt }) {
      told.push(prompt)
      const all = [...parts, { type: 'finish' as const, usage, finishReason }]
      return { stream: ReadableStream.from(all) as ReadableStream<LanguageModelV3StreamPart> }
    },
  }
}

describe('guardMiddleware', () => {
  const say = (text: string): LanguageModelV3StreamPart[] => [
    { type: 'text-start', id: '1' },
    ...[...text].map(delta => ({ type: 'text-delta' as const, id: '1', delta })),
    { type: 'text-end', id: '1' },
  ]
  const wrapped = (text: string, told: unknown[] = []) =>
    wrapLanguageModel({ model: model(say(text), told), middleware: guardMiddleware(policy) })

  test('masks prompt and answer', async () => {
    const told: unknown[] = []
    const answer = await generateText({
      model: wrapped(`ring ${phone} now`, told),
      prompt: `I am ${phone}`,
    })
    expect(answer.text).toBe('ring [PHONE] now')
    expect(JSON.stringify(told)).toContain('I am [PHONE]')
    const stream = streamText({ model: wrapped(`ring ${phone} now`), prompt: 'hi' })
    expect(await stream.text).toBe('ring [PHONE] now')
  })

  test('ends at a block', async () => {
    const stream = streamText({ model: wrapped(`write to ${mail} now`), prompt: 'hi' })
    expect(await stream.text).toBe('write to ')
    expect(await stream.finishReason).toBe('content-filter')
    const answer = await generateText({ model: wrapped(`write to ${mail} now`), prompt: 'hi' })
    expect([answer.text, answer.finishReason]).toEqual(['write to ', 'content-filter'])
    const refused = generateText({ model: wrapped('hi'), prompt: mail, maxRetries: 0 })
    await expect(refused).rejects.toThrow(/policy blocks/)
  })
})

test('finds in the shape of a moderation', () => {
  const { type, results } = moderate(createGuard(policy), [`ring ${phone}`, 'hi'], 'output')
  expect(type).toBe('moderation_results')
  expect(results.map(one => one.flagged)).toEqual([true, false])
  expect(results[0]!.categories).toMatchObject({ phone: true, email: false })
  expect(results[0]!.category_applied_input_types.phone).toEqual(['text'])
})
