import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listener, listen } from '../../lib/server/listen.ts'
import { clientOf, defaultApp, key } from './default-app.ts'

const head = (more = '', path = '/v1/chat/completions') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n` +
  `Content-Type: application/json\r\n${more}`

/** Sends raw bytes and gives what comes until the server closes, or `ms` have passed. */
function raw(listener: Listener, text: string, ms = 3000): Promise<string> {
  const { port, hostname } = new URL(listener.url)
  return new Promise(resolve => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    const end = () => {
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(end, ms)
    socket.on('data', data => {
      answer += data
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      end()
    })
  })
}

describe('the Node listener', () => {
  const held = defaultApp({ maxBodyBytes: 10_000 })
  let listener: Listener
  beforeAll(async () => {
    const timeouts = { headersTimeoutMs: 400, bodyTimeoutMs: 800, stallTimeoutMs: 500 }
    listener = await listen(held.app, { port: 0, ...timeouts })
  })
  afterAll(() => listener?.close(true))

  it('answers over a socket as in process', async () => {
    const ask = (fetch: typeof globalThis.fetch, baseURL: string) =>
      clientOf({ ...held.app, fetch })
        .withOptions({ baseURL })
        .chat.completions.create({
          model: 'conclave',
          messages: [{ role: 'user', content: 'Hello' }],
          temperature: 0,
          max_tokens: 8,
        })
    const socket = await ask(globalThis.fetch, `${listener.url}/v1`)
    const inside = await ask(held.app.fetch as typeof fetch, 'http://conclave/v1')
    expect(socket.choices).toEqual(inside.choices)
  })

  it.for([
    ['a long URL', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '414'],
    ['many headers', head(`${'A: b\r\n'.repeat(120)}\r\n`), '431'],
    ['large headers', head(`A: ${'b'.repeat(20_000)}\r\n\r\n`), '431'],
    ['two lengths', head('Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'), '400'],
    ['length and chunks', head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'), '400'],
    ['a bad chunk', head('Transfer-Encoding: chunked\r\n\r\nzz\r\n{}'), '400'],
    ['no HTTP', 'HELLO\r\n\r\n', '400'],
    ['HTTP/0.9', 'GET /\r\n\r\n', '400'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', '400'],
    ['a long stated length', head('Content-Length: 99999\r\n\r\n'), '413'],
    [
      'many chunks',
      head(`Transfer-Encoding: chunked\r\n\r\n${'4000\r\n'}${'a'.repeat(16_384)}\r\n0\r\n\r\n`),
      '413',
    ],
    ['a slow head', 'POST / HTTP/1.1\r\nHost: a\r\n', '408'],
    ['a slow body', head('Content-Length: 100\r\n\r\n{'), '4'],
    [
      'an absolute form',
      'GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      '200',
    ],
    [
      'h2c',
      'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
      '200',
    ],
  ])('answers %s', async ([, text, status]) => {
    expect((await raw(listener, text!)).slice(9, 12)).toMatch(new RegExp(`^${status}`))
    expect((await fetch(`${listener.url}/health`)).status).toBe(200)
  })

  it('ends the work of a client that goes away, within 100 ms', async () => {
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 1500,
      ignore_eos: true,
      stream: true,
    })
    const { port, hostname } = new URL(listener.url)
    const socket: Socket = connect(Number(port), hostname)
    socket.write(`${head(`Content-Length: ${body.length}`)}\r\n\r\n${body}`)
    await new Promise(resolve => socket.once('data', resolve))
    expect(held.app.active).toBe(1)
    socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(held.app.active).toBe(0)
    expect(held.model.engine.stats().pages.used).toBe(0)
  })

  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hello' }], n: 2 }],
    ['/v1/completions', { prompt: ['Hello', 'There'], n: 2, logprobs: 1 }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'Hello' }] }],
    ['/v1/responses', { input: 'Hello' }],
  ])('outlives clients that reset the connection amid a stream of %s', async (path, more) => {
    // A rejection that nobody hears of would end a process that serves.
    const unheard: unknown[] = []
    const hear = (error: unknown) => unheard.push(error)
    process.on('unhandledRejection', hear)
    const { port, hostname } = new URL(listener.url)
    const most = path === '/v1/responses' ? 'max_output_tokens' : 'max_tokens'
    const body = JSON.stringify({ ...more, [most]: 1500, stream: true })
    const leave = (ms: number) =>
      new Promise(resolve => {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => {})
        socket.on('close', resolve)
        socket.once('data', () => setTimeout(() => socket.resetAndDestroy(), ms))
        socket.write(head(`Content-Length: ${body.length}\r\n\r\n${body}`, path))
      })
    await Promise.all(Array.from({ length: 12 }, (_, i) => leave(4 * i)))
    await expect.poll(() => held.app.active, { timeout: 3000 }).toBe(0)
    await expect.poll(() => held.model.engine.stats().running).toBe(0)
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })

  it('ends a client that stops reading, and nobody else', async () => {
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 200,
      n: 16,
      logprobs: true,
      top_logprobs: 20,
      ignore_eos: true,
      stream: true,
    })
    const { port, hostname } = new URL(listener.url)
    const socket: Socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.pause()
    socket.write(`${head(`Content-Length: ${body.length}`)}\r\n\r\n${body}`)
    const ended = async () => {
      for (let i = 0; i < 300; i++) {
        await new Promise(resolve => setTimeout(resolve, 50))
        if (i > 5 && held.app.active === 0) return i
        if (i % 10 === 0) expect((await fetch(`${listener.url}/health`)).status).toBe(200)
      }
      return -1
    }
    expect(await ended()).toBeGreaterThan(0)
    socket.destroy()
  })
})

describe('clients that stop reading', () => {
  const held = defaultApp()
  const opened: ServerResponse[] = []
  const note = (message: unknown) => opened.push((message as { response: ServerResponse }).response)
  let listener: Listener
  beforeAll(async () => {
    subscribe('http.server.request.start', note)
    listener = await listen(held.app, { port: 0, stallTimeoutMs: 600_000 })
  })
  afterAll(async () => {
    unsubscribe('http.server.request.start', note)
    await listener?.close(true)
  })

  /** Every byte of a streamed chat but the two fields that no two answers share. */
  async function chat(content: string): Promise<string> {
    const response = await fetch(`${listener.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [{ role: 'user', content }],
        ...{ max_tokens: 64, ignore_eos: true, seed: 7, stream: true, logprobs: true },
      }),
    })
    expect(response.status).toBe(200)
    return (await response.text()).replace(/"id":"[^"]*","created":\d+/g, '')
  }

  it('cost the others nothing: the same answers, whole, in the memory of a few buffers', async () => {
    const words = ['pear', 'apple', 'fig', 'plum', 'lemon', 'cherry', 'grape', 'melon']
    const neighbours = () => Promise.all(words.map(word => chat(`Tell me of a ${word}.`)))
    const alone = await neighbours()
    const before = process.memoryUsage().rss
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'Hello' }],
      ...{ max_tokens: 400, n: 8, logprobs: true, top_logprobs: 20 },
      ...{ ignore_eos: true, stream: true },
    })
    opened.length = 0
    const { port, hostname } = new URL(listener.url)
    const sockets = Array.from({ length: 4 }, () => {
      const socket = connect(Number(port), hostname).on('error', () => {})
      socket.pause()
      socket.write(`${head(`Content-Length: ${body.length}`)}\r\n\r\n${body}`)
      return socket
    })
    // Until neither the kernel nor Node takes more of any: all of them have really stopped.
    const unread = () => opened.slice(0, sockets.length).map(response => response.socket!)
    while (unread().length < 4 || unread().some(({ writableLength: waits }) => waits === 0))
      await new Promise(resolve => setTimeout(resolve, 20))
    expect(await neighbours()).toEqual(alone)
    expect(held.app.active).toBe(sockets.length)
    for (const { writableLength } of unread()) {
      expect(writableLength).toBeGreaterThan(0)
      expect(writableLength).toBeLessThan(256 * 1024)
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
    for (const socket of sockets) socket.destroy()
    while (held.app.active > 0) await new Promise(resolve => setTimeout(resolve, 20))
    expect(held.model.engine.stats().pages.used).toBe(0)
  }, 120_000)
})
