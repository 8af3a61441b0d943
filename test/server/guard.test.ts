import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { createApp } from '../../lib/server/app.ts'
import { clientOf, defaultApp, post } from './default-app.ts'

const model = 'conclave'
const content = 'Repeat: mail anna.smith@example.com'

describe('a guarded server', () => {
  const held = defaultApp()
  const guarded = async (action: 'mask' | 'block') => {
    const engine = await createEngine(held.model, { guard: { categories: { email: action } } })
    return { engine, app: createApp(held.model, { engine }) }
  }

  it('answers without what the policy masks, in streams too', async () => {
    const { app, engine } = await guarded('mask')
    // The model is made to say it: no word of the question is needed.
    const asked = {
      model,
      messages: [{ role: 'user' as const, content }],
      max_tokens: 40,
      temperature: 0,
      n: 2,
    }
    const { choices } = await clientOf(app).chat.completions.create(asked)
    for (const { message } of choices) expect(message.content).not.toMatch(/@example/)
    const stream = await clientOf(app).chat.completions.create({ ...asked, stream: true })
    let text = ''
    for await (const chunk of stream)
      if (chunk.choices[0]?.index === 0) text += chunk.choices[0].delta.content ?? ''
    expect(text).toBe(choices[0]!.message.content)
    await engine.dispose()
  })

  it('ends what the policy blocks with content_filter', async () => {
    const { app, engine } = await guarded('block')
    const asked = { model, messages: [{ role: 'user' as const, content }], max_tokens: 8, n: 2 }
    const { choices } = await clientOf(app).chat.completions.create(asked)
    expect(choices.map(choice => choice.finish_reason)).toEqual(Array(2).fill('content_filter'))
    expect(choices[0]!.message.content).toBe('')
    const fine = { ...asked, messages: [{ role: 'user' as const, content: 'Hello' }] }
    const answered = await clientOf(app).chat.completions.create(fine)
    expect(answered.choices[0]!.finish_reason).not.toBe('content_filter')
    await engine.dispose()
  })

  it("tells what it found in OpenAI's shape, whole and in a last chunk", async () => {
    const { app, engine } = await guarded('mask')
    const moderation = { model: 'any' }
    const asked = { model, messages: [{ role: 'user' as const, content }], max_tokens: 4, n: 2 }
    const answer = await clientOf(app).chat.completions.create({ ...asked, moderation })
    expect(answer.moderation).toMatchObject({
      input: {
        type: 'moderation_results',
        results: [{ type: 'moderation_result', flagged: true, categories: { email: true } }],
      },
      output: { type: 'moderation_results', results: [{ flagged: false }, { flagged: false }] },
    })
    const chunks = []
    const stream = await clientOf(app).chat.completions.create({
      ...asked,
      moderation,
      stream: true,
    })
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks.filter(chunk => chunk.moderation)).toEqual([chunks.at(-1)])
    expect(chunks.at(-1)).toMatchObject({ choices: [], moderation: answer.moderation })
    const policy = { input: { mode: 'block' as const } }
    const blocked = await clientOf(app).chat.completions.create({
      ...asked,
      moderation: { model: 'any', policy },
    })
    expect(blocked.choices.map(one => one.finish_reason)).toEqual(Array(2).fill('content_filter'))
    expect(blocked.moderation!.input).toMatchObject({ results: [{ flagged: true }] })
    await engine.dispose()
  })

  it('tells it of responses and of completions too', async () => {
    const { app, engine } = await guarded('mask')
    const flags = ({ input, output }: Record<string, { results: { flagged: boolean }[] }>) => [
      input!.results.map(one => one.flagged),
      output!.results.map(one => one.flagged),
    ]
    const json = async (path: string, body: object) =>
      JSON.parse(await (await post(app, path, body)).text())
    const events = async (path: string, body: object) =>
      (await (await post(app, path, { ...body, stream: true })).text())
        .split('\n')
        .filter(line => line.startsWith('data: {'))
        .map(line => JSON.parse(line.slice(6)))
    const moderation = { model: 'any' }
    const asked = { input: content, max_output_tokens: 4, moderation }
    expect(flags((await json('/v1/responses', asked)).moderation)).toEqual([[true], [false]])
    const last = (await events('/v1/responses', asked)).at(-1)
    expect(flags(last.response.moderation)).toEqual([[true], [false]])
    expect((await json('/v1/responses', { ...asked, moderation: null })).moderation).toBeUndefined()

    const text = { prompt: ['Hello', content], max_tokens: 4, n: 2, moderation }
    const found = [
      [false, true],
      [false, false, false, false],
    ]
    expect(flags((await json('/v1/completions', text)).moderation)).toEqual(found)
    const chunks = await events('/v1/completions', text)
    expect(chunks.filter(chunk => chunk.moderation)).toEqual([chunks.at(-1)])
    expect(flags(chunks.at(-1).moderation)).toEqual(found)

    const block = { model: 'any', policy: { input: { mode: 'block' } } }
    const ended = await json('/v1/responses', { ...asked, moderation: block })
    expect(ended.incomplete_details).toEqual({ reason: 'content_filter' })
    const { choices } = await json('/v1/completions', { ...text, moderation: block })
    expect(choices.map((one: { finish_reason: string }) => one.finish_reason)).toEqual([
      ...['length', 'length'],
      ...['content_filter', 'content_filter'],
    ])
    expect((await post(app, '/v1/completions', { ...text, echo: true })).status).toBe(400)
    await engine.dispose()
    const bare = createApp(held.model)
    for (const [path, body] of [
      ['/v1/responses', asked],
      ['/v1/completions', text],
    ] as const)
      expect((await post(bare, path, { ...body, moderation: block })).status).toBe(400)
  })

  it('without a guard answers that it has none, and refuses a block', async () => {
    const app = createApp(held.model)
    const asked = { model, messages: [{ role: 'user' as const, content }], max_tokens: 1 }
    const create = (moderation: object) =>
      clientOf(app).chat.completions.create({ ...asked, moderation: { model: 'x', ...moderation } })
    const { moderation } = await create({})
    expect(moderation).toMatchObject({ input: { type: 'error', code: 'no_guard' } })
    await expect(create({ policy: { output: { mode: 'block' } } })).rejects.toMatchObject({
      status: 400,
      param: 'moderation',
    })
  })

  it('counts finds in /metrics by category, action and direction', async () => {
    const { app, engine } = await guarded('mask')
    const asked = { model, messages: [{ role: 'user' as const, content }], max_tokens: 1 }
    for (let i = 0; i < 2; i++) await clientOf(app).chat.completions.create(asked)
    const page = async () => (await app.fetch('http://conclave/metrics')).text()
    const line = /^conclave:guard_matches_total\{(.*)\} (\d+)$/m
    const [, labels, count] = line.exec(await page())!
    for (const label of ['category="email"', 'action="mask"', 'direction="input"'])
      expect(labels).toContain(label)
    expect(count).toBe('2')
    expect(line.exec(await page())![2]).toBe('2')
    await engine.dispose()
  })

  it('echoes, scores and embeds what the policy leaves', async () => {
    const { app, engine } = await guarded('mask')
    const asked = { prompt: content, echo: true, logprobs: 1, max_tokens: 0 }
    const whole = await (await post(app, '/v1/completions', asked)).text()
    expect(whole).not.toMatch(/anna|example/)
    expect(JSON.parse(whole).choices[0]).toMatchObject({ text: 'Repeat: mail [EMAIL]' })
    const unknown = { ...asked, prompt: [2 ** 31] }
    expect((await post(app, '/v1/completions', unknown)).status).toBe(400)
    const embed = async (input: string) =>
      (await (await post(app, '/v1/embeddings', { input })).json()) as { data: unknown }
    expect((await embed(content)).data).toEqual((await embed('Repeat: mail [EMAIL]')).data)
    await engine.dispose()
  })

  it('masks what an error says', async () => {
    const { app, engine } = await guarded('mask')
    const response = await post(app, '/v1/chat/completions', {
      model: 'anna.smith@example.com',
      messages: [{ role: 'user', content: 'x' }],
    })
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.not.stringMatching(/anna/),
    ])
    await engine.dispose()
  })

  it('has the review routes under its roof, behind their own key and its host check', async () => {
    const review = async ({ url, headers }: Request) =>
      new URL(url).pathname !== '/review'
        ? undefined
        : new Response(null, { status: headers.get('authorization') === 'Bearer r' ? 200 : 401 })
    const app = createApp(held.model, { review, apiKeys: ['k'], allowedHosts: ['conclave'] })
    const ask = async (host: string, authorization: string, path = 'review') =>
      (await app.fetch(`http://conclave/${path}`, { headers: { authorization, host } })).status
    expect(await ask('conclave', 'Bearer r')).toBe(200)
    expect(await ask('conclave', 'Bearer k')).toBe(401)
    expect(await ask('elsewhere', 'Bearer r')).toBe(403)
    expect(await ask('conclave', 'Bearer k', 'v1/models')).toBe(200)
    expect(() => createApp(held.model, { review: true as never })).toThrow(/review/)
  })
})
