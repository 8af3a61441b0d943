import { describe, expect, it } from 'vitest'
import { createApp, type ServerApp } from '../../lib/server/app.ts'
import { endpoints } from '../../lib/server/routes.ts'
import { clientOf, defaultApp, errorOf, get, key, post } from './default-app.ts'

const hello = { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 }
const chat = '/v1/chat/completions'

describe('keys', () => {
  const held = defaultApp({ apiKeys: [key, { key: 'sk-b', tenant: 'b' }] })

  it('answer /health alone without one, and every other route with 401', async () => {
    for (const { method, path } of endpoints) {
      const url = `http://conclave${path.replace(/:\w+(\{.*\})?/, 'x')}`
      const { status } = await held.app.fetch(url, { method })
      expect([path, status]).toEqual([path, path === '/health' ? 200 : 401])
    }
    for (const path of ['/nowhere', '//v1/models', '/v1/../v1/models', '/health/'])
      expect((await held.app.fetch(`http://conclave${path}`)).status).toBe(401)
  })

  it('are refused where they are almost right', async () => {
    const wrong = [
      'Bearer ',
      'Bearer sk-tes',
      'Bearer sk-test1',
      `Basic ${btoa('sk-test')}x`,
      'sk-test',
      'Bearer sk-test sk-test',
      `Bearer ${'k'.repeat(1_000_000)}`,
    ]
    for (const authorization of wrong)
      expect((await get(held.app, '/v1/models', { authorization })).status).toBe(401)
    const right: Record<string, string>[] = [
      { authorization: `Basic ${btoa(`me:${key}`)}` },
      { 'x-api-key': key },
    ]
    for (const headers of right) {
      const init = { headers }
      expect((await held.app.fetch('http://conclave/v1/models', init)).status).toBe(200)
    }
  })

  it('keep the cached prefixes of tenants apart', async () => {
    const content = 'Tell me about the red fox that lives near the old mill by the river. '.repeat(
      4,
    )
    const ask = async (apiKey: string, more = {}) => {
      const options = { model: 'conclave', messages: [{ role: 'user' as const, content }] }
      const client = clientOf(held.app, apiKey)
      const { usage } = await client.chat.completions.create({ ...options, max_tokens: 2, ...more })
      return usage!.prompt_tokens_details!.cached_tokens!
    }
    expect(await ask(key)).toBe(0)
    expect(await ask(key)).toBeGreaterThan(0)
    expect(await ask('sk-b')).toBe(0)
    expect(await ask('sk-b', { cache_salt: '' })).toBeGreaterThan(0)
    expect(await ask(key, { cache_salt: 'mine' })).toBe(0)
  })
})

describe('bodies', () => {
  const held = defaultApp({ maxBodyBytes: 100_000 })
  const refused = async (body: unknown, headers = {}): Promise<[number, string | null]> => {
    const response = await post(held.app, chat, body, headers)
    return [response.status, (await errorOf(response)).param]
  }

  it('are refused naming the field', async () => {
    const cases: [object, string][] = [
      [{ temperature: 9 }, 'temperature'],
      [{ temperature: '1' }, 'temperature'],
      [{ top_p: -0.1 }, 'top_p'],
      [{ max_tokens: -1 }, 'max_tokens'],
      [{ max_tokens: 0 }, 'max_tokens'],
      [{ max_tokens: 1e18 }, 'max_tokens'],
      [{ max_tokens: true }, 'max_tokens'],
      [{ n: 17 }, 'n'],
      [{ n: 1.5 }, 'n'],
      [{ seed: 2 ** 64 }, 'seed'],
      [{ seed: 'x' }, 'seed'],
      [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
      [{ top_logprobs: 2 }, 'top_logprobs'],
      [{ stop: '' }, 'stop'],
      [{ stop: Array(17).fill('a') }, 'stop'],
      [{ stop: ['\ud800'] }, 'stop'],
      [{ logit_bias: { a: 1 } }, 'logit_bias.a'],
      [{ logit_bias: { 1: 101 } }, 'logit_bias.1'],
      [{ cache_salt: 'a\r\nb' }, 'cache_salt'],
      [{ user: 'x', cache_salt: 'a'.repeat(257) }, 'cache_salt'],
      [{ messages: [] }, 'messages'],
      [{ messages: [{ role: 'wizard', content: 'a' }] }, 'messages[0].role'],
      [{ messages: [{ role: 'user', content: null }] }, 'messages[0]'],
      [
        {
          messages: [
            { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://a' } }] },
          ],
        },
        'messages[0].content',
      ],
      [{ messages: [{ role: 'tool', content: 'a', tool_call_id: 'x' }] }, 'messages[0]'],
      [{ tools: [{ type: 'function', function: { name: '../x' } }] }, 'tools[0].function.name'],
      [{ tool_choice: 'required' }, 'tool_choice'],
      [{ tool_choice: { type: 'function', function: { name: 'x' } } }, 'tool_choice'],
    ]
    for (const [more, param] of cases)
      expect(await refused({ ...hello, ...more })).toEqual([400, param])
    expect(await refused({ ...hello, max_tokens: 3000 })).toEqual([400, 'messages'])
  })

  it.for([
    ['/v1/chat/completions', { ...hello, max_tokens: 9999 }, 'messages', 'max_tokens is 9999'],
    ['/v1/completions', { prompt: 'a', max_tokens: 9999 }, 'prompt', 'max_tokens is 9999'],
    ['/v1/responses', { input: 'a', max_output_tokens: 9999 }, 'input', ' is 9999'],
    ['/v1/embeddings', { input: Array(3000).fill(9) }, 'input', 'the prompt has 3000'],
    ['/v1/chat/completions', { ...hello, logit_bias: { 99999: 1 } }, 'logit_bias', '99999'],
    ['/v1/chat/completions', { ...hello, min_tokens: 9, max_tokens: 3 }, 'min_tokens', '9'],
  ] as const)(
    '%s: of what only the engine knows, in the words of clients: %j',
    async ([path, body, param, said]) => {
      const response = await post(held.app, path, body)
      const error = await errorOf(response)
      expect([response.status, error.param]).toEqual([400, param])
      expect(error.message).toContain(said)
      expect(error.message).not.toMatch(/maxTokens|minTokens|logitBias/)
    },
  )

  it('are refused by size, type, encoding and syntax', async () => {
    expect((await refused(JSON.stringify({ a: 'x'.repeat(100_000) })))[0]).toBe(413)
    expect((await refused(hello, { 'content-type': 'text/plain' }))[0]).toBe(415)
    expect((await refused(hello, { 'content-encoding': 'gzip' }))[0]).toBe(415)
    const broken = ['', '{', '{"a":1,}', '[]', '"a"', 'null', `${'['.repeat(40_000)}`, '1e400']
    for (const body of broken) expect((await refused(body))[0]).toBe(400)
    const bytes = new Uint8Array([123, 34, 255, 34, 58, 49, 125])
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    }
    const response = await held.app.fetch(`http://conclave${chat}`, { ...init, body: bytes })
    expect(response.status).toBe(400)
  })

  it('change no prototype', async () => {
    const evil =
      '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}},"messages":[{"role":"user","content":"hi","__proto__":{"a":1}}],"max_tokens":1,"chat_template_kwargs":{"__proto__":{"a":1}}}'
    expect((await post(held.app, chat, evil)).status).toBe(200)
    expect(({} as { a?: number }).a).toBeUndefined()
  })

  it('name fields that have no effect in a header', async () => {
    const more = { user: 'me', metadata: { a: 'b' }, made_up: 1, 'x\r\ny': 2 }
    const response = await post(held.app, chat, { ...hello, ...more })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-conclave-warning')).toBe(
      'no effect: user, metadata, made_up, a field with another name',
    )
    expect((await post(held.app, chat, hello)).headers.has('x-conclave-warning')).toBe(false)
    const strict = createApp(held.model, { strict: true })
    expect((await post(strict, chat, { ...hello, made_up: 1 })).status).toBe(400)
  })
})

describe('routes', () => {
  const held = defaultApp({
    apiKeys: [],
    allowedHosts: ['conclave', 'localhost'],
    corsOrigins: ['https://good.example'],
  })

  it('answer wrong methods and paths', async () => {
    const wrong = await held.app.fetch(`http://conclave${chat}`)
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await get(held.app, '/nowhere')).status).toBe(404)
    expect((await post(held.app, '/health', {})).status).toBe(405)
  })

  it('answer no foreign host or origin', async () => {
    const status = async (headers: Record<string, string>) =>
      (await held.app.fetch('http://conclave/health', { headers })).status
    expect(await status({ host: 'conclave' })).toBe(200)
    expect(await status({ host: 'LOCALHOST:8000' })).toBe(200)
    for (const host of ['evil.example', 'x/skip', 'x?', 'x#', 'localhost@evil.example'])
      expect(await status({ host })).toBe(403)
    expect(await status({ origin: 'https://evil.example' })).toBe(403)
    expect(await status({ origin: 'null' })).toBe(403)
    expect(await status({ origin: 'http://localhost:8000', host: 'localhost:8000' })).toBe(200)
    const good = await held.app.fetch('http://conclave/health', {
      headers: { origin: 'https://good.example' },
    })
    expect(good.headers.get('access-control-allow-origin')).toBe('https://good.example')
  })

  it('count requests as vLLM does', async () => {
    await post(held.app, chat, hello)
    const text = await (await get(held.app, '/metrics')).text()
    expect(text).toMatch(/vllm:generation_tokens_total\{model_name="conclave"\} [1-9]/)
    expect(text).toMatch(/vllm:time_to_first_token_seconds_count\{model_name="conclave"\} 1/)
    expect(text).toMatch(
      /vllm:request_success_total\{finished_reason="length",model_name="conclave"\} 1/,
    )
    expect(text).not.toMatch(/finished_reason="(?:abort|error)"/)
    expect(text).toMatch(/vllm:kv_cache_usage_perc\{model_name="conclave"\} 0/)
    expect(text).toMatch(/conclave:expert_imbalance\{layer="0",model_name="conclave"\} [1-9]/)
  })
})

describe('answers that do not come to their end', () => {
  const held = defaultApp()
  const endless = { ...hello, max_tokens: 1500, ignore_eos: true, stream: true, n: 2 }
  const paths: [string, object][] = [
    [chat, endless],
    ['/v1/completions', { ...endless, messages: undefined, prompt: 'Hello' }],
  ]

  async function countsOf(app: ServerApp): Promise<string[]> {
    const text = await (await get(app, '/metrics')).text()
    const counted =
      /(?:request_success|requests_refused)_total\{((?:finished_reason|status)="\w+").*\} (.*)/g
    return Array.from(text.matchAll(counted), ([, label, count]) => `${label} ${count}`)
  }

  it.each(paths)('are counted where an error ends their stream: %s', async (path, body) => {
    const app = createApp(held.model, { requestTimeoutMs: 100 })
    const response = await post(app, path, body)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('"code":"timeout"')
    expect(await countsOf(app)).toEqual(['finished_reason="error" 2', 'status="504" 1'])
  })

  it.each(paths)('are counted where the client goes away: %s', async (path, body) => {
    const app = createApp(held.model)
    const unread = await post(app, path, body)
    await unread.body!.cancel()
    const reader = (await post(app, path, body)).body!.getReader()
    for (let i = 0; i < 3; i++) await reader.read()
    await reader.cancel()
    const leaving = new AbortController()
    const whole = app.fetch(`http://conclave${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: false }),
      signal: leaving.signal,
    })
    await expect.poll(() => held.model.engine.stats().running, { interval: 1 }).toBe(2)
    leaving.abort()
    await expect(whole).rejects.toThrow()
    await expect.poll(() => countsOf(app)).toEqual(['finished_reason="abort" 6', 'status="499" 1'])
  })

  it.each(paths)('are counted where an error comes before any of it: %s', async (path, body) => {
    const app = createApp(held.model, { requestTimeoutMs: 100 })
    const response = await post(app, path, { ...body, stream: false })
    expect(response.status).toBe(504)
    expect(await countsOf(app)).toEqual(['finished_reason="error" 2', 'status="504" 1'])
  })
})

describe('places', () => {
  const held = defaultApp({ maxRequests: 2 })
  const long = { ...hello, max_tokens: 200, ignore_eos: true, stream: true }

  it('are as many as allowed; a stream holds one to its end or its reader’s', async () => {
    const first = await post(held.app, chat, long)
    const second = await post(held.app, chat, long)
    const third = await post(held.app, chat, long)
    expect(third.status).toBe(429)
    expect(third.headers.get('retry-after')).toBe('1')
    expect(await errorOf(third)).toMatchObject({ code: 'rate_limit_exceeded' })
    await first.body!.cancel()
    expect((await post(held.app, chat, hello)).status).toBe(200)
    await second.text()
    expect(held.app.active).toBe(0)
  })

  it('are free, and the model too, where a stream is cancelled before its first token', async () => {
    const endless = { ...long, max_tokens: 1500, stream: true }
    const bodies: [string, object][] = [
      [chat, endless],
      ['/v1/completions', { ...endless, messages: undefined, prompt: 'Hello' }],
      ['/v1/messages', { ...endless, ignore_eos: undefined }],
    ]
    for (const [path, body] of bodies) {
      const response = await post(held.app, path, body)
      expect([path, response.status]).toEqual([path, 200])
      await response.body!.cancel()
      expect(held.app.active).toBe(0)
      // A step may be under way.
      const running = () => held.model.engine.stats().running
      await expect.poll(running, { interval: 1, timeout: 400 }).toBe(0)
    }
  })

  it('drain: streams end, new requests get a 503', async () => {
    const app = createApp(held.model)
    const stream = await post(app, chat, long)
    const drained = app.drain()
    expect((await get(app, '/health')).status).toBe(503)
    const refused = await post(app, chat, hello)
    expect(refused.status).toBe(503)
    expect((await errorOf(refused)).code).toBe('shutting_down')
    expect(await stream.text()).toMatch(/\[DONE\]\n\n$/)
    await drained
  })

  it('are none before the model is there', async () => {
    let give = (_: typeof held.model) => {}
    const app = createApp(new Promise<typeof held.model>(resolve => (give = resolve)))
    expect((await get(app, '/health')).status).toBe(503)
    expect((await post(app, chat, hello)).status).toBe(503)
    give(held.model)
    await new Promise(resolve => setImmediate(resolve))
    expect((await get(app, '/health')).status).toBe(200)
    const failed = createApp(Promise.reject(new Error('/secret/path is not there')))
    await new Promise(resolve => setImmediate(resolve))
    const response = await post(failed, chat, hello)
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain('secret')
  })
})
