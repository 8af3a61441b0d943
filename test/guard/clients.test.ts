// The guard in any OpenAI client: nothing of a match reaches either side.
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
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

test('finds in the shape of a moderation', () => {
  const { type, results } = moderate(createGuard(policy), [`ring ${phone}`, 'hi'], 'output')
  expect(type).toBe('moderation_results')
  expect(results.map(one => one.flagged)).toEqual([true, false])
  expect(results[0]!.categories).toMatchObject({ phone: true, email: false })
  expect(results[0]!.category_applied_input_types.phone).toEqual(['text'])
})

describe('what an upstream sends', () => {
  const client = (answer: () => Response) => guardedFetch(policy, async () => answer())
  const post = (fetch: ReturnType<typeof guardedFetch>, body: unknown, path = 'chat/completions') =>
    fetch(`http://x/v1/${path}`, { method: 'POST', body: JSON.stringify(body) })
  const events =
    (text: string, cut = text.length) =>
    () => {
      const bytes = new TextEncoder().encode(text)
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += cut) pieces.push(bytes.subarray(at, at + cut))
      return new Response(ReadableStream.from(pieces) as ReadableStream<Uint8Array>, {
        headers: { 'content-type': 'text/event-stream' },
      })
    }
  const chunk = (delta: unknown, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason: finish }] })}`
  const dataOf = (text: string) =>
    text
      .split('\n\n')
      .filter(event => event.startsWith('data: {'))
      .map(event => JSON.parse(event.slice(6)))

  test.each(['\r', '\n', '\r\n'])('events ended by %j, however they are cut', async end => {
    const lines = [
      chunk({ content: 'ring 138 0013' }),
      '',
      chunk({ content: ' 8000 now' }),
      '',
      chunk({}, 'stop'),
      '',
      'data: [DONE]',
      '',
    ]
    const text = lines.map(line => line + end).join('')
    for (const cut of [1, 7, text.length]) {
      const shown = await (await post(client(events(text, cut)), {})).text()
      expect(shown).not.toMatch(/0013|8000/)
      const content = dataOf(shown).map(({ choices }) => choices[0].delta.content ?? '')
      expect(content.join('')).toBe('ring [PHONE] now')
      expect(shown.endsWith('data: [DONE]\n\n')).toBe(true)
    }
  })

  test('each event has one choice, and the last has the reason', async () => {
    const text = `${chunk({ content: 'ends in 138 0013 8000' })}\n\n${chunk({}, 'stop')}\n\n`
    const chunks = dataOf(await (await post(client(events(text)), {})).text())
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true)
    expect(chunks.map(({ choices }) => choices[0].finish_reason).filter(Boolean)).toEqual(['stop'])
    expect(chunks.at(-1).choices[0].finish_reason).toBe('stop')
  })

  test('lists of strings and parts keep their shape in a stream', async () => {
    const text = [
      chunk({ content: ['a 138 0013', ' 8000 b'] }),
      chunk({ content: [{ type: 'text', text: 'c 138' }] }),
      chunk({ content: [{ type: 'text', text: ' 0013 8000' }] }),
      chunk({ content: [{ type: 'text', index: 0, text: ' d 138 0013' }] }),
      chunk({ content: [{ type: 'text', index: 1, text: ' 8000 e' }] }),
      chunk({}, 'stop'),
    ].join('\n\n')
    const shown = dataOf(await (await post(client(events(`${text}\n\n`)), {})).text())
    const contents = shown.flatMap(({ choices }) => choices[0].delta.content ?? [])
    const strings = contents.filter(one => typeof one === 'string')
    const parts = contents.filter(one => typeof one !== 'string')
    expect(strings.join('')).toBe('a [PHONE] b')
    expect(parts.every(part => part.type === 'text')).toBe(true)
    expect(parts.map(part => part.text).join('')).toBe('c [PHONE] d [PHONE] e')
  })

  test.each([
    ['no JSON', 'data: {"choices": [{"delta": {"content": "138001\n\n'],
    ['a list', 'data: ["13800138000"]\n\n'],
    ['deep', `data: {"choices":[{"delta":${'{"a":'.repeat(80)}"x"${'}'.repeat(80)}}]}\n\n`],
    ['too long', `data: ${'x'.repeat(5 * 2 ** 20)}`],
  ])('an event that is %s ends the stream with an error', async (_, text) => {
    const response = await post(client(events(text)), {})
    await expect(response.text()).rejects.toMatchObject({
      code: expect.stringMatching(/unsupported_format|invalid_request/),
    })
  })

  test('a whole answer keeps its shape', async () => {
    const message = {
      role: 'assistant',
      content: [
        { type: 'text', text: 'ring 138 0013' },
        { type: 'text', text: ' 8000 now' },
      ],
      notes: ['a', 'ring 138 0013 8000', 'b', ['c']],
      annotations: [],
      phone: 13800138000,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'ring', arguments: '{}' } }],
      'to 13800138000': 1,
    }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    const answer = { id: 'x', note: 'of 13800138000', choices, prompt_logprobs: ['13800138000'] }
    const shown = await (
      await post(
        client(() => Response.json(answer)),
        {},
      )
    ).json()
    expect(shown).toEqual({
      id: 'x',
      note: 'of [PHONE]',
      prompt_logprobs: ['[PHONE]'],
      choices: [
        {
          index: 0,
          logprobs: null,
          finish_reason: 'stop',
          message: {
            ...message,
            content: [
              { type: 'text', text: 'ring [PHONE]' },
              { type: 'text', text: ' now' },
            ],
            notes: ['a', 'ring [PHONE]', 'b', ['c']],
            phone: 0,
            'to 13800138000': undefined,
            'to [PHONE]': 1,
          },
        },
      ],
    })
  })

  test('a block in a whole answer ends it', async () => {
    const message = { role: 'assistant', content: `write to ${mail} now`, tool_calls: [call] }
    const answer = { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }
    const shown = (await (
      await post(
        client(() => Response.json(answer)),
        {},
      )
    ).json()) as {
      choices: [{ message: { content: string }; finish_reason: string }]
    }
    expect(shown.choices[0].finish_reason).toBe('content_filter')
    expect(shown.choices[0].message.content).toBe('write to ')
    expect(JSON.stringify(shown)).not.toContain('0013')
  })

  test('unreadable answers are refused, errors are masked', async () => {
    const told = (status: number, text: string) => client(() => new Response(text, { status }))
    await expect(post(told(200, '{"choices": [{'), {})).rejects.toMatchObject({
      code: 'unsupported_format',
    })
    await expect(post(told(200, '[1]'), {})).rejects.toMatchObject({ code: 'unsupported_format' })
    const failed = await post(told(502, '<p>no 13800138000 here</p>'), {})
    expect([failed.status, await failed.text()]).toEqual([502, '<p>no [PHONE] here</p>'])
    const error = { error: { message: 'no 13800138000', code: null } }
    const refused = await post(
      client(() => Response.json(error, { status: 400 })),
      {},
    )
    expect(await refused.json()).toEqual({ error: { message: 'no [PHONE]', code: null } })
  })

  test('what the guard cannot read never leaves', async () => {
    const never = guardedFetch(policy, async () => expect.unreachable())
    const deep = JSON.parse(`${'{"a":'.repeat(80)}"13800138000"${'}'.repeat(80)}`)
    const refused = { code: 'invalid_request' }
    await expect(post(never, { messages: [deep] })).rejects.toMatchObject(refused)
    await expect(post(never, { prompt: [1, 2, 3] }, 'completions')).rejects.toMatchObject(refused)
    await expect(post(never, { input: 'x' }, 'responses')).rejects.toMatchObject(refused)
    const broken = never('http://x/v1/completions', { method: 'POST', body: '{"prompt": "1' })
    await expect(broken).rejects.toMatchObject(refused)
  })

  test('tools, names, vectors', async () => {
    const told: string[] = []
    const fetch = guardedFetch(policy, async input => {
      told.push(await (input as Request).text())
      const embedding = [0.25, 1234567890]
      return Response.json({ data: [{ object: 'embedding', index: 0, embedding }] })
    })
    const tools = [{ type: 'function', function: { name: 'ring_13800138000', description: 'x' } }]
    await post(fetch, { messages: [{ role: 'user', name: '13800138000', content: 'hi' }], tools })
    expect(told[0]).not.toContain('0013')
    const shown = await post(fetch, { input: ['ring 13800138000'] }, 'embeddings')
    expect(told[1]).toBe('{"input":["ring [PHONE]"]}')
    expect(await shown.json()).toMatchObject({ data: [{ embedding: [0.25, 1234567890] }] })
    const blocked = await post(fetch, { input: mail }, 'embeddings')
    expect([blocked.status, told.length]).toEqual([400, 2])
  })
})
