// The guard in the AI SDK: nothing of a match reaches either side.
import type { LanguageModelV3, LanguageModelV3StreamPart } from '@ai-sdk/provider'
import { generateText, streamText, wrapLanguageModel } from 'ai'
import { describe, expect, test } from 'vitest'
import { guardMiddleware } from '../../lib/ai-sdk/index.ts'
import { createGuard } from '../../lib/guard/index.ts'

const policy = { categories: { phone: 'mask', email: 'block' } } as const
const phone = '138 0013 8000'
const mail = 'anna@example.com'

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

  test('what a provider tells of a block passes, looked at', async () => {
    const signed = { anthropic: { signature: 'c2ln', note: `ring ${phone}` } }
    const shown = await shownOf([
      { type: 'reasoning-start', id: '0', providerMetadata: signed },
      { type: 'reasoning-delta', id: '0', delta: 'at 138 0013' },
      { type: 'reasoning-delta', id: '0', delta: '', providerMetadata: signed },
      { type: 'reasoning-end', id: '0' },
    ])
    const told = { anthropic: { signature: 'c2ln', note: 'ring [PHONE]' } }
    expect(shown).toMatchObject([
      { type: 'reasoning-start', providerMetadata: told },
      { delta: 'at ' },
      { delta: '', providerMetadata: told },
      { delta: '138 0013' },
      { type: 'reasoning-end' },
      { type: 'finish' },
    ])
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
