import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { endpoints } from '../../lib/server/routes.ts'
import { defaultApp, get, post } from './default-app.ts'

interface Operation {
  operationId: string
  responses: Record<string, { description: string; content: Record<string, { schema: object }> }>
  requestBody?: { content: { 'application/json': { schema: object } } }
}

describe('/openapi.json', () => {
  const held = defaultApp()
  const document = async () =>
    (await (await get(held.app, '/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, Operation>>
      components: object
    }

  it('has every route, each with schemas that compile', async () => {
    const { openapi, paths, components } = await document()
    expect(openapi).toBe('3.1.0')
    const all = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    )
    expect(all).toHaveLength(endpoints.length)
    expect(new Set(all.map(({ operation }) => operation.operationId)).size).toBe(all.length)
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const { operation } of all) {
      const contents = [operation.requestBody, ...Object.values(operation.responses)]
      for (const content of contents)
        for (const { schema } of Object.values(content?.content ?? {}))
          ajv.compile({ ...schema, components })
    }
  })

  it('says why a body that holds to its schema may be refused', async () => {
    const { paths } = await document()
    const reasons = (path: string) => paths[path]!.post!.responses[400]!.description
    expect(reasons('/v1/embeddings')).toMatch(/Beyond its schema: .*more dimensions than the model/)
    for (const { path, method, refuses = [] } of endpoints.filter(one => one.method === 'POST'))
      expect([path, method, refuses.every(reason => reasons(path).includes(reason))]).toEqual([
        path,
        method,
        true,
      ])
    expect(reasons('/detokenize')).not.toContain('Beyond')
  })

  it('says what is not found, where something may not be', async () => {
    const { paths } = await document()
    const told = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => [
        `${method} ${path}`,
        responses[404]?.description,
      ]),
    )
    const ofModel = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/messages']
    const others = ['/v1/messages/count_tokens', '/tokenize', '/detokenize']
    const expected = [
      ...[...ofModel, ...others].map(path => [`post ${path}`, 'No such model']),
      ['get /v1/models/{model}', 'No such model'],
      ['post /v1/responses', 'No such model or response'],
      ['get /v1/responses/{id}', 'No such response'],
      ['delete /v1/responses/{id}', 'No such response'],
    ]
    const found = told.filter(([, description]) => description !== undefined)
    expect(found.sort()).toEqual(expected.sort())
    const input = {
      messages: [{ role: 'user', content: 'Hello' }],
      prompt: 'Hello',
      input: 'Hello',
    }
    for (const [operation] of found) {
      const [method, path = ''] = operation!.split(' ')
      const unknown = path.replace(/\{\w+\}/, 'unknown')
      const body = { ...input, model: 'unknown', max_tokens: 1, tokens: [1] }
      const answer =
        method === 'post' ? await post(held.app, path, body) : await get(held.app, unknown)
      expect([operation, answer.status]).toEqual([operation, 404])
    }
  })

  it('says what the answers hold', async () => {
    const { paths, components } = await document()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const messages = [{ role: 'user', content: 'Hello' }]
    const bodies: [string, object][] = [
      ['/v1/chat/completions', { messages, max_tokens: 2 }],
      ['/v1/completions', { prompt: 'Hello', max_tokens: 2 }],
      ['/v1/responses', { input: 'Hello', max_output_tokens: 2 }],
      ['/v1/messages', { messages, max_tokens: 2 }],
      ['/v1/messages/count_tokens', { messages }],
      ['/v1/embeddings', { input: 'Hello' }],
      ['/tokenize', { prompt: 'Hello' }],
      ['/detokenize', { tokens: [1, 2] }],
    ]
    for (const [path, body] of bodies) {
      const { schema } = paths[path]!.post!.responses[200]!.content['application/json']!
      const validate = ajv.compile({ ...schema, components })
      const answer = await (await post(held.app, path, body)).json()
      expect([path, validate(answer), validate.errors]).toEqual([path, true, null])
      const request = paths[path]!.post!.requestBody!.content['application/json'].schema
      expect(ajv.compile(request)(body)).toBe(true)
      const refused = paths[path]!.post!.responses[400]!.content['application/json']!.schema
      const wrong = await (await post(held.app, path, { model: 7 })).json()
      expect(ajv.compile({ ...refused, components })(wrong)).toBe(true)
    }
  })

  it('says of fields that hang together, and of the model, what the routes say', async () => {
    const { paths } = await document()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const user = { role: 'user', content: 'Hello' }
    const call = { type: 'function', function: { name: 'f', arguments: '{}' } }
    const chat = (...messages: object[]) => ({ messages, max_tokens: 1 })
    const cases: [string, object, number][] = [
      ['/tokenize', {}, 400],
      ['/tokenize', { prompt: 'a', messages: [user] }, 400],
      ['/tokenize', { messages: [user] }, 200],
      ['/v1/chat/completions', chat({ role: 'user', content: null }), 400],
      ['/v1/chat/completions', chat({ ...user, tool_calls: [call] }), 400],
      ['/v1/chat/completions', chat(user, { role: 'assistant', tool_calls: [] }), 400],
      ['/v1/chat/completions', chat(user, { role: 'assistant', tool_calls: [call] }), 200],
      ['/v1/chat/completions', { ...chat(user), top_logprobs: 2 }, 400],
      ['/v1/chat/completions', { ...chat(user), top_logprobs: 2, logprobs: true }, 200],
      ['/v1/chat/completions', { ...chat(user), tool_choice: 'required' }, 400],
      ['/v1/chat/completions', { ...chat(user), tool_choice: 'none' }, 200],
      ['/v1/chat/completions', { ...chat(user), stop_token_ids: [4096] }, 400],
      ['/v1/chat/completions', { ...chat(user), stop_token_ids: [4095] }, 200],
      ['/v1/completions', { prompt: 'a', max_tokens: 0 }, 400],
      ['/v1/completions', { prompt: 'a', max_tokens: 0, echo: true }, 200],
      ['/v1/completions', { prompt: 'a', max_tokens: 1, guided_choice: [''] }, 400],
      ['/v1/completions', { prompt: [4096], max_tokens: 1 }, 400],
      ['/detokenize', { tokens: [4096] }, 400],
      ['/detokenize', { tokens: [4095] }, 200],
      ['/v1/messages', { ...chat(user), tool_choice: { type: 'any' } }, 400],
      ['/v1/messages', chat({ role: 'user', content: [] }), 400],
      ['/v1/messages', chat({ role: 'user', content: [{ type: 'thinking', thinking: '' }] }), 400],
      ['/v1/chat/completions', { ...chat(user), model: 'conclave' }, 200],
      ['/v1/chat/completions', { ...chat(user), model: 'gpt' }, 404],
    ]
    for (const [path, body, status] of cases) {
      const { schema } = paths[path]!.post!.requestBody!.content['application/json']
      const answer = await post(held.app, path, body)
      expect([path, body, answer.status]).toEqual([path, body, status])
      expect([path, body, ajv.compile(schema)(body)]).toEqual([path, body, status === 200])
    }
  })
})
