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

describe('guardMiddleware and what is no text', () => {
  const params = (content: unknown) =>
    ({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, content] }] }) as never
  const middleware = guardMiddleware(policy)
  const transform = (content: unknown) =>
    middleware.transformParams!({ type: 'generate', params: params(content), model: {} as never })

  test('reads files that are text, leaves pictures, refuses what it cannot read', async () => {
    const text = new TextEncoder().encode('ring 13800138000')
    const picture = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)
    const file = (data: unknown) => ({ type: 'file', data, mediaType: 'x/y' })
    const told = async (data: unknown) =>
      ((await transform(file(data))).prompt[0]!.content[1] as { data: unknown }).data
    expect(new TextDecoder().decode((await told(text)) as Uint8Array)).toBe('ring [PHONE]')
    expect(await told(picture)).toBe(picture)
    expect(String(await told(new URL('http://x/?p=13800138000')))).not.toContain('0013')
    const deep = JSON.parse(`${'['.repeat(100)}1${']'.repeat(100)}`)
    await expect(transform(deep)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('masks calls, results, and errors', async () => {
    const input = `{"to":"${phone}"}`
    const parts = [
      { type: 'tool-call', toolCallId: 'c', toolName: 'ring', input },
      { type: 'tool-result', toolCallId: 'c', toolName: 'ring', result: { to: 13800138000 } },
      { type: 'error', error: new Error(`no ${phone}`) },
    ] as unknown as LanguageModelV3StreamPart[]
    const { stream } = await wrapLanguageModel({ model: model(parts, []), middleware }).doStream(
      params({ type: 'text', text: 'x' }),
    )
    const shown: LanguageModelV3StreamPart[] = []
    for await (const part of stream) shown.push(part)
    expect(shown).toMatchObject([
      { input: '{"to":"[PHONE]"}' },
      { result: { to: 0 } },
      { error: { message: 'no [PHONE]' } },
      { type: 'finish' },
    ])
  })
})

describe('guardMiddleware and blocks that follow one another', () => {
  const block = (id: string, text: string, size: number, kind = 'text') => [
    { type: `${kind}-start`, id },
    ...(text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []).map(delta => ({
      type: `${kind}-delta`,
      id,
      delta,
    })),
    { type: `${kind}-end`, id },
  ]
  const shownOf = async (parts: unknown[]) => {
    const middleware = guardMiddleware(policy)
    const wrapped = wrapLanguageModel({
      model: model(parts as LanguageModelV3StreamPart[], []),
      middleware,
    })
    const { stream } = await wrapped.doStream({ prompt: [] } as never)
    const shown: LanguageModelV3StreamPart[] = []
    for await (const part of stream) shown.push(part)
    return shown
  }
  const textsOf = (shown: LanguageModelV3StreamPart[]) => {
    const texts = new Map<string, string>()
    for (const part of shown)
      if ('delta' in part) texts.set(part.id, (texts.get(part.id) ?? '') + part.delta)
    return texts
  }
  const skeleton = (shown: LanguageModelV3StreamPart[]) =>
    shown
      .filter(part => !('delta' in part))
      .map(part => ('id' in part ? `${part.type} ${part.id}` : part.type))

  const text = `ring ${phone} or +44 20 7946 0958 now`
  test('a number in two or three of them is masked at every cut', async () => {
    const whole = createGuard(policy).scan(text).text
    for (let cut = 1; cut < text.length; cut++)
      for (const size of [1, 5, 100]) {
        const second = Math.min(text.length - 1, cut + 3)
        const pieces = [text.slice(0, cut), text.slice(cut, second), text.slice(second)]
        const kinds = ['text', cut % 2 === 0 ? 'text' : 'reasoning', 'text']
        const shown = await shownOf(pieces.flatMap((one, i) => block(`${i}`, one, size, kinds[i])))
        const texts = textsOf(shown)
        expect(['0', '1', '2'].map(id => texts.get(id) ?? '').join('')).toBe(whole)
        expect(skeleton(shown)).toEqual([
          ...kinds.flatMap((kind, i) => [`${kind}-start ${i}`, `${kind}-end ${i}`]),
          'finish',
        ])
        // Deltas lie between the beginning and the end of their block.
        let open = ''
        for (const part of shown) {
          if (part.type.endsWith('-start')) open = (part as { id: string }).id
          if ('delta' in part) expect(part.id).toBe(open)
        }
      }
  })

  test('a block ends the answer across blocks, and a tool call parts them', async () => {
    const cut = await shownOf([...block('0', 'to anna@exa', 3), ...block('1', 'mple.com and', 3)])
    expect([...textsOf(cut).values()].join('')).toBe('to ')
    expect(cut.at(-1)).toMatchObject({
      type: 'finish',
      finishReason: { unified: 'content-filter' },
    })
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 'x', input: '{}' }
    const parted = await shownOf([...block('0', 'at 138 0013', 4), call, ...block('1', '8000', 4)])
    expect(skeleton(parted)).toEqual([
      'text-start 0',
      'text-end 0',
      'tool-call',
      'text-start 1',
      'text-end 1',
      'finish',
    ])
    expect(textsOf(parted).get('0')).toBe('at 138 0013')
  })

  test('what is held leaves where a stream ends without a word', async () => {
    const middleware = guardMiddleware(policy)
    const doStream = async () => ({
      stream: ReadableStream.from(block('0', 'at 138 0013', 4).slice(0, -1)),
    })
    const { stream } = await middleware.wrapStream!({ doStream } as never)
    const shown: LanguageModelV3StreamPart[] = []
    for await (const part of stream) shown.push(part)
    expect(textsOf(shown).get('0')).toBe('at ')
  })

  test('parts of an answer and of a tool result are one text', async () => {
    const middleware = guardMiddleware(policy)
    const halves = [
      { type: 'text', text: 'ring 138 0013' },
      { type: 'text', text: ' 8000 now' },
    ]
    const doGenerate = async () => ({ content: halves, finishReason: {}, usage: {}, warnings: [] })
    const { content } = await middleware.wrapGenerate!({ doGenerate } as never)
    expect(content).toMatchObject([{ text: 'ring [PHONE]' }, { text: ' now' }])
    const output = { type: 'content', value: halves }
    const result = { type: 'tool-result', toolCallId: 'c', toolName: 'x', output }
    const prompt = [{ role: 'tool', content: [result] }]
    const params = { prompt } as never
    const told = await middleware.transformParams!({ type: 'generate', params, model: {} as never })
    expect(told.prompt[0]!.content[0]).toMatchObject({
      output: { value: [{ text: 'ring [PHONE]' }, { text: ' now' }] },
    })
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
