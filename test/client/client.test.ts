import { describe, expect, it } from 'vitest'
import { createConclave } from '../../lib/ai-sdk/provider.ts'
import { QwenClient } from '../../lib/client/client.ts'

const messages = [{ role: 'user' as const, content: 'Hello' }]
const events = (...data: string[]) => data.map(one => `data: ${one}\n\n`).join('')
const choice = JSON.stringify({ choices: [{ delta: { content: 'a' }, finish_reason: null }] })

/** A client of a server that answers so, and the number of its requests. */
function clientOf(...answers: (() => Response)[]) {
  let asked = 0
  const fetch = () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)]!())
  return { client: new QwenClient({ fetch }), asked: () => asked }
}

async function read(client: QwenClient): Promise<string> {
  let all = ''
  for await (const { text } of client.stream({ messages })) all += text ?? ''
  return all
}

describe('QwenClient', () => {
  it.for([408, 429, 500, 503])('asks again after a %i, and then gives up', async status => {
    const headers = { 'retry-after': '0' }
    const refusal = () => Response.json({ error: { message: 'no' } }, { status, headers })
    const whole = () => Response.json({ id: 'a', choices: [{ message: { content: 'b' } }] })
    const once = clientOf(refusal, whole)
    expect((await once.client.chat({ messages })).text).toBe('b')
    expect(once.asked()).toBe(2)
    const never = clientOf(refusal)
    await expect(never.client.chat({ messages })).rejects.toMatchObject({ details: { status } })
    expect(never.asked()).toBe(3)
  })

  it('does not ask again after a 400', async () => {
    const { client, asked } = clientOf(() => Response.json({ error: {} }, { status: 400 }))
    await expect(client.chat({ messages })).rejects.toMatchObject({ code: 'invalid_request' })
    expect(asked()).toBe(1)
  })

  it.for([
    ['no JSON', '<html>'],
    ['null', 'null'],
    ['no choices', '{"choices":[]}'],
    ['another object', '{"hello":1}'],
  ] as const)('tells of %s in one kind of error, whole or streamed', async ([, text]) => {
    const error = { name: 'ConclaveError', code: 'io_error', message: expect.any(String) }
    const whole = clientOf(() => new Response(text)).client.chat({ messages })
    await expect(whole).rejects.toMatchObject(error)
    const stream = read(clientOf(() => new Response(events(text))).client)
    await expect(stream).rejects.toMatchObject(error)
  })

  it('reads a stream to its end, and tells where there is none', async () => {
    expect(await read(clientOf(() => new Response(events(choice, '[DONE]'))).client)).toBe('a')
    const short = read(clientOf(() => new Response(events(choice))).client)
    await expect(short).rejects.toMatchObject({ code: 'io_error' })
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(events(choice)))
      },
      pull: controller => controller.error(new TypeError('terminated')),
    })
    const cut = read(clientOf(() => new Response(broken)).client)
    await expect(cut).rejects.toMatchObject({ name: 'ConclaveError', code: 'io_error' })
  })

  it('says that a request cannot be written, and sends none', async () => {
    const { client, asked } = clientOf(() => Response.json({}))
    const bad = client.chat({ messages, seed: 1, metadata: { id: 1n } })
    await expect(bad).rejects.toMatchObject({ name: 'ConclaveError', code: 'invalid_request' })
    expect(asked()).toBe(0)
  })
})

describe('a stream of the AI SDK', () => {
  it('ends its request when it is cancelled, though no piece comes', async () => {
    let signal: AbortSignal | null | undefined
    const silent = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(events(choice)))
      },
    })
    const model = createConclave({
      fetch: async (_, init) => {
        signal = init?.signal
        signal?.addEventListener('abort', () => void silent.cancel().catch(() => {}))
        return new Response(silent)
      },
    })()
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hello' }] }]
    const { stream } = await model.doStream({ prompt })
    const reader = stream.getReader()
    const first = [await reader.read(), await reader.read(), await reader.read()]
    expect(first.map(({ value }) => value?.type)).toEqual([
      'stream-start',
      'text-start',
      'text-delta',
    ])
    // This one waits for a piece that never comes.
    const next = reader.read()
    void reader.cancel()
    expect(signal?.aborted).toBe(true)
    expect(await next).toMatchObject({ done: true })
  })
})
