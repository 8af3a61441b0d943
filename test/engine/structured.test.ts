import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { vocabularyOf } from '../../lib/engine/grammars.ts'
import { loadModel } from '../../lib/engine/load.ts'
import type { Model } from '../../lib/engine/model.ts'
import type { GenerateOptions } from '../../lib/sampling/options.ts'
import type { StructuredOptions } from '../../lib/sampling/structured.ts'
import { addon, needs } from './needs.ts'

const messages = [{ role: 'user' as const, content: 'Hello!' }]
const schemaOf = (schema: object | boolean) => ({ type: 'json_schema', schema }) as const
const regex = (pattern: string) => ({ type: 'regex', pattern }) as const
const grammar = (text: string) => ({ type: 'grammar', grammar: text }) as const

describe('structured output', () => {
  needs(addon, 'default-model/model.safetensors')
  let model: Model
  beforeAll(async () => {
    model = await loadModel()
    return () => model.dispose()
  })
  const ask = (structured: StructuredOptions, options: GenerateOptions = {}) =>
    model.chat(messages, { structured, maxTokens: 64, seed: 3, ...options }).result()
  const refused = (structured: StructuredOptions, code: string, details: object = {}) =>
    expect(ask(structured)).rejects.toMatchObject({
      code,
      details,
    })

  it('answers or refuses hostile patterns in less than a second (GR-1)', async () => {
    for (const pattern of ['(a+)+b', '(a|a)*b', '.{0,100000}', '(a{0,99}){0,99}', '((a*)*)*b']) {
      const start = performance.now()
      const { text } = await ask(regex(pattern), { temperature: 1.5, maxTokens: 24 })
      expect(text).toMatch(new RegExp(`^(?:${pattern})$`, 's'))
      expect(performance.now() - start, pattern).toBeLessThan(1000)
    }
    const groups = '('.repeat(60_000) + ')'.repeat(60_000)
    await refused(regex(groups), 'grammar_limit')
    await refused(regex(`${'(?:'.repeat(100)}a${')'.repeat(100)}`), 'grammar_limit')
    for (const pattern of ['(?<=a)*b', '(?=a)+', '\\bword', '(a)\\1', 'a{2,1}', '[b-a]', '('])
      await refused(regex(pattern), 'grammar_error')
  })

  it('counts what patterns cost beside many names (GR-1)', async () => {
    const integer = { type: 'integer' }
    const keys = (count: number, key: (i: number) => string) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [key(i), integer]))
    const properties = keys(3000, i => `name${i}`)
    const patternProperties = keys(30, i => `^(x|y){0,60}z${i}[a-q]{0,200}$`)
    const start = performance.now()
    await refused(schemaOf({ type: 'object', properties, patternProperties }), 'grammar_limit')
    expect(performance.now() - start).toBeLessThan(1000)
  })

  it('refuses what it cannot honour of a schema, and fetches nothing (GR-2)', async () => {
    let deep: object = {}
    for (let i = 0; i < 10_000; i++) deep = { items: deep }
    await refused(schemaOf(deep), 'grammar_limit')
    let objects: object = { type: 'null' }
    for (let i = 0; i < 300; i++) objects = { type: 'object', properties: { a: objects } }
    await refused(schemaOf(objects), 'grammar_limit')
    await refused(schemaOf({ type: 'string', minLength: 1e9 }), 'grammar_limit')
    await refused(schemaOf({ $ref: '#' }), 'grammar_error', { path: '/', keyword: '$ref' })
    const a = { $ref: '#/$defs/b' }
    const cycle = { $ref: '#/$defs/a', $defs: { a, b: { allOf: [{ $ref: '#/$defs/a' }] } } }
    await refused(schemaOf(cycle), 'grammar_error', { keyword: '$ref' })
    for (const $ref of ['http://localhost/x', 'file:///etc/passwd', '#/none', '#none'])
      await refused(schemaOf({ $ref }), 'grammar_error', { keyword: '$ref' })
    const values = Array.from({ length: 100_000 }, (_, i) => `value number ${i}`)
    await ask(schemaOf({ enum: values })).then(
      ({ text }) => expect(values).toContain(JSON.parse(text)),
      error => expect(error.code).toBe('grammar_limit'),
    )
  })

  it('knows what has no answer, and what is no schema (GR-3)', async () => {
    for (const any of [{}, true]) JSON.parse((await ask(schemaOf(any))).text)
    const none = [
      false,
      { type: 'integer', minimum: 3, maximum: 2 },
      { type: 'string', minLength: 3, maxLength: 2 },
      { allOf: [{ type: 'string' }, { type: 'number' }] },
      { enum: ['a'], type: 'integer' },
      { type: 'object', properties: { a: false }, required: ['a'] },
      {
        $ref: '#/$defs/n',
        $defs: { n: { type: 'array', items: { $ref: '#/$defs/n' }, minItems: 1 } },
      },
    ]
    for (const schema of none) await refused(schemaOf(schema), 'grammar_error')
    await refused(schemaOf({ type: 7 } as object), 'grammar_error', { path: '/', keyword: 'type' })
    for (const text of [
      '',
      '# nothing',
      'root ::= other',
      'root ::= root "a"',
      'root ::= a root\na ::= ""',
    ])
      await refused(grammar(text), 'grammar_error')
  })

  it('names path and keyword of what it cannot enforce', async () => {
    const at = (schema: object) => schemaOf({ type: 'object', properties: { 'a/b': schema } })
    for (const [keyword, schema] of Object.entries({
      not: { not: { type: 'string' } },
      if: { if: {}, else: {} },
      contains: { type: 'array', contains: { type: 'integer' } },
      uniqueItems: { type: 'array', items: { type: 'string' }, uniqueItems: true },
      dependentRequired: { type: 'object', dependentRequired: { a: ['b'] } },
      format: { type: 'string', format: 'no-such-format' },
      minlength: { type: 'string', minlength: 3 },
      oneOf: { oneOf: [{ type: 'integer' }, { type: 'number' }] },
      pattern: { type: 'string', pattern: '(?=a)' },
    }))
      await refused(at(schema), 'grammar_error', { path: '/properties/a~1b', keyword })
  })

  it('fails one request where the vocabulary cannot go on, and no other (GR-4)', async () => {
    await using other = await loadModel()
    const { tokenizer } = other.tokenizer!
    const isSpecial = tokenizer.isSpecial.bind(tokenizer)
    // A vocabulary in which no token has a q.
    tokenizer.isSpecial = id => isSpecial(id) || tokenizer.tokenBytes(id).includes(113)
    const run = (structured: StructuredOptions) => other.chat(messages, { structured, seed: 1 })
    const golden = await run(regex('[ab]{4}')).text()
    const [broken, fine] = await Promise.allSettled([
      run(grammar('root ::= "a" "q"')).result(),
      run(regex('[ab]{4}')).text(),
    ])
    expect(broken).toMatchObject({ status: 'rejected', reason: { code: 'grammar_error' } })
    expect(fine).toEqual({ status: 'fulfilled', value: golden })
    expect(await run(regex('[ab]{4}')).text()).toBe(golden)
  })

  it('stops at maxTokens with a valid beginning (GR-5)', async () => {
    const schema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
    const short = await ask(schemaOf(schema), { maxTokens: 4 })
    expect(short.finishReason).toBe('length')
    const spaced = short.text.replace(/\s/g, '')
    expect('{"text":"'.startsWith(spaced) || spaced.startsWith('{"text":"')).toBe(true)
    const whole = await ask(schemaOf(schema), { maxTokens: 40, temperature: 0 })
    expect(['length', 'stop']).toContain(whole.finishReason)
    expect(JSON.parse(whole.text)).toHaveProperty('text')
  })

  it('is whole within maxTokens wherever a token for each byte of the shortest answer fits', async () => {
    const text = { type: 'string' }
    const object = { type: 'object', additionalProperties: false }
    const cases: [object, string][] = [
      [{ ...object, properties: { text }, required: ['text'] }, '{"text":""}'],
      [{ type: 'array', items: { type: 'array', items: text }, minItems: 2 }, '[[],[]]'],
      [{ type: 'string', minLength: 12 }, '"aaaaaaaaaaaa"'],
      [{ ...object, properties: { n: { type: 'number' }, b: text }, required: ['n'] }, '{"n":0}'],
    ]
    for (const [schema, shortest] of cases)
      for (const more of [0, 1, 2, 3, 5, 8, 20]) {
        const maxTokens = shortest.length + 1 + more
        for (const seed of [1, 2]) {
          const options = { maxTokens, seed, temperature: 1.5 }
          const answer = await ask(schemaOf(schema), options)
          expect(() => JSON.parse(answer.text), `${answer.text} of ${maxTokens}`).not.toThrow()
          expect(['stop', 'length']).toContain(answer.finishReason)
          expect(answer.tokenIds.length).toBeLessThanOrEqual(maxTokens)
        }
      }
  })

  it('keeps at most 64 MiB of grammars (GR-6)', async () => {
    const vocabulary = await vocabularyOf(model.tokenizer!)
    let before = 0
    for (let i = 0; i < 10_000; i++) {
      if (i === 4000) before = process.memoryUsage().rss
      const schema = { type: 'object', properties: { [`p${i}`]: { type: 'integer' } } }
      await vocabulary.compile('json_schema', JSON.stringify(schema))
    }
    expect(vocabulary.cacheBytes()).toBeLessThanOrEqual(64 * 2 ** 20)
    expect(process.memoryUsage().rss - before).toBeLessThan(96 * 2 ** 20)
  }, 120_000)

  it('compiles off the event loop', async () => {
    const values = Array.from({ length: 9000 }, (_, i) => `some value ${i}`)
    let turns = 0
    let done = false
    const compiled = ask(schemaOf({ enum: values })).finally(() => (done = true))
    while (!done) {
      await setImmediate()
      turns++
    }
    await compiled
    expect(turns).toBeGreaterThan(5)
  })

  it('holds together with biases, penalties, log-probabilities, n and without end ids', async () => {
    const pattern = '(yes|no){3}'
    const options = [
      { logitBias: { 5: 100, 9: 100 } },
      { repetitionPenalty: 2, presencePenalty: 2, frequencyPenalty: 2 },
      { ignoreEos: true },
      { minTokens: 30 },
      { logprobs: 5 },
    ]
    for (const option of options) {
      const { text, finishReason } = await ask(regex(pattern), { temperature: 1.2, ...option })
      expect(text).toMatch(/^(yes|no){3}$/)
      expect(finishReason).toBe('stop')
    }
  })

  it('writes what grammars with recursion make', async () => {
    const text = 'root ::= "(" root ")" | "[" [a-c]{1,3} "]" | "ж€😀"'
    for (let seed = 0; seed < 8; seed++) {
      const answer = await ask(grammar(text), { seed, temperature: 1.5 })
      expect(answer.text).toMatch(/^\(*(\[[abc]{1,3}\]|ж€😀)\)*$/u)
      expect(answer.text.split('(').length).toBe(answer.text.split(')').length)
    }
  })

  it('lets a thought come first', async () => {
    const vocabulary = await vocabularyOf(model.tokenizer!)
    const fits = async (thinking: 'off' | 'auto' | 'open', text: string) => {
      const grammar = await vocabulary.compile('regex', '[0-9]{3}', thinking)
      const tokens = Int32Array.from(model.tokenizer!.encode(text))
      return !vocabulary.measure(grammar, tokens).includes(-1)
    }
    expect(await fits('off', '123')).toBe(true)
    expect(await fits('auto', '123')).toBe(true)
    expect(await fits('off', '<think>\nhm</think>\n\n123')).toBe(false)
    expect(await fits('auto', '<think>\na <</think> b</think>\n\n123')).toBe(false)
    for (const thought of ['<think>\nhm < </thin é</think>\n\n123', '<think></think>123'])
      expect(await fits('auto', thought), thought).toBe(true)
    expect(await fits('open', 'hm <</think>\n123')).toBe(true)
    expect(await fits('open', '123')).toBe(true)
  })

  it('refuses options of the wrong form', async () => {
    for (const structured of [
      {},
      { type: 'xml' },
      { type: 'choice', choices: [] },
      { type: 'regex' },
    ])
      await expect(ask(structured as StructuredOptions)).rejects.toMatchObject({
        code: 'invalid_request',
      })
  })
})
