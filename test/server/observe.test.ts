// Whoever watches hears each text once, and no answer depends on it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createCompliance, openCaseStore } from '../../lib/compliance/index.ts'
import { parseKeyFile } from '../../lib/server/api-keys.ts'
import { createApp } from '../../lib/server/app.ts'
import type { ObservedMessage, ServerLog } from '../../lib/server/options.ts'
import { defaultApp, post } from './default-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-observe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a watched server', () => {
  const held = defaultApp()
  const watched = () => {
    const told: ObservedMessage[] = []
    const observe = (message: ObservedMessage) => void told.push(message)
    const app = createApp(held.model, { observe, apiKeys: [{ key: 'k1', tenant: 'bank' }] })
    const ask = async (path: string, body: object) => {
      const asked = { max_tokens: 2, max_output_tokens: 2, temperature: 0, ...body }
      const request = new Request(`http://conclave${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer k1' },
        body: JSON.stringify(asked),
      })
      const response = await app.fetch(request)
      await response.text()
      return response.status
    }
    const inputs = () => told.filter(one => one.direction === 'input').map(one => one.text)
    const outputs = () => told.filter(one => one.direction === 'output')
    return { told, ask, inputs, outputs }
  }

  it('hears what is new in a conversation, prompts, and every answer', async () => {
    const { told, ask, inputs, outputs } = watched()
    const messages = [
      { role: 'user', content: 'old' },
      { role: 'assistant', content: 'said' },
      { role: 'user', content: [{ type: 'text', text: 'new' }] },
    ]
    expect(await ask('/v1/chat/completions', { messages, n: 2, user: 'anna' })).toBe(200)
    expect(inputs()).toEqual(['new'])
    expect(outputs()).toHaveLength(2)
    expect(new Set(told.map(one => one.subject))).toEqual(new Set(['bank anna']))
    expect(new Set(told.map(one => one.requestId)).size).toBe(1)
    told.length = 0
    await ask('/v1/completions', { prompt: 'once' })
    await ask('/v1/completions', { prompt: Array.from(held.model.tokenizer!.encode('twice')) })
    await ask('/v1/responses', { input: [{ role: 'user', content: 'thrice' }] })
    const metadata = { user_id: 'ben' }
    await ask('/v1/messages', { messages: [messages[0]], metadata })
    expect(inputs()).toEqual(['once', 'twice', 'thrice', 'old'])
    expect(told.at(-1)!.subject).toBe('bank ben')
    expect(outputs()).toHaveLength(4)
    const long = 'a word '.repeat(12_000)
    await ask('/v1/embeddings', { input: long })
    expect(inputs().at(-1)).toBe(long)
    told.length = 0
    expect(await ask('/v1/chat/completions', { messages, n: 1000 })).toBe(400)
    expect(told).toEqual([])
  })

  it('hears the inputs of embeddings, as texts and as ids', async () => {
    const { told, ask, inputs } = watched()
    const ids = (text: string) => Array.from(held.model.tokenizer!.encode(text))
    const asked = [['one', 'two'], 'three', ids('four'), [ids('five'), ids('six')]]
    for (const input of asked) expect(await ask('/v1/embeddings', { input })).toBe(200)
    expect(inputs()).toEqual(['one\ntwo', 'three', 'four', 'five\nsix'])
    expect(told).toHaveLength(4)
    expect(await ask('/v1/embeddings', { input: '' })).toBe(400)
    expect(told).toHaveLength(4)
  })

  it('opens a case where a text passes a barrier between groups, both ways', async () => {
    const apiKeys = parseKeyFile('k1 bank advisory\nk2 bank trading\nk3 bank\n')
    const store = await openCaseStore({ sqlite: join(folder, 'cases.db') })
    const lists = {
      restricted: [{ id: 'northwind', name: 'Northwind' }],
      barriers: [['advisory', 'trading']] as [string, string][],
    }
    const compliance = createCompliance({ store, key: 'a key for pseudonyms', lists })
    const observing: Promise<void>[] = []
    const app = createApp(held.model, {
      apiKeys,
      observe: message => void observing.push(compliance.observe(message)),
    })
    const casesOf = async (key: string, path: string, headers: Record<string, string>) => {
      const user = `${key} ${path} ${JSON.stringify(headers)}`
      const said = 'Here is the valuation of Northwind.'
      const body = path.endsWith('embeddings')
        ? { input: said, user }
        : { messages: [{ role: 'user', content: said }], max_tokens: 1, user }
      const response = await post(app, path, body, { authorization: `Bearer ${key}`, ...headers })
      expect(response.status).toBe(200)
      await response.text()
      await Promise.all(observing)
      const cases = await store.details('insider_dealing')
      const subject = compliance.pseudonym(`bank ${user}`)
      return cases
        .filter(one => one.subject === subject)
        .flatMap(one => one.hitList.map(hit => hit.rule))
    }
    const chat = '/v1/chat/completions'
    const to = (...names: string[]) => ({ 'x-conclave-to': names.join(', ') })
    expect(await casesOf('k1', chat, to('legal', 'trading'))).toEqual(['insider.barrier'])
    expect(await casesOf('k2', '/v1/embeddings', to('advisory'))).toEqual(['insider.barrier'])
    expect(await casesOf('k1', chat, to('legal'))).toEqual([])
    expect(await casesOf('k1', chat, to('advisory'))).toEqual([])
    expect(await casesOf('k1', chat, {})).toEqual([])
    // A key without a group has none, whatever the request says.
    expect(await casesOf('k3', chat, { ...to('trading'), 'x-conclave-group': 'advisory' })).toEqual(
      [],
    )
    await store.close()
  })

  it('answers the same where whoever watches fails or never ends', async () => {
    const body = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 2, temperature: 0 }
    const textOf = async (observe?: () => Promise<void>) => {
      const logged: object[] = []
      const log: ServerLog = { info: () => {}, error: (...all) => logged.push(all) }
      const app = createApp(held.model, { log, ...(observe && { observe }) })
      const response = await post(app, '/v1/chat/completions', body)
      const { choices } = JSON.parse(await response.text())
      return { choices, logged }
    }
    const plain = await textOf()
    const failing = await textOf(() => Promise.reject(new Error('hi')))
    const endless = await textOf(() => new Promise(() => {}))
    expect([failing.choices, endless.choices]).toEqual([plain.choices, plain.choices])
    await expect.poll(() => failing.logged.length).toBe(2)
    expect(JSON.stringify(failing.logged)).not.toContain('hi"')
    expect(() => createApp(held.model, { observe: 1 as never })).toThrow(/observe/)
  })
})
