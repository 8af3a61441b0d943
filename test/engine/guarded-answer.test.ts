// Nothing of a match leaves an engine with a guard: not as text, not as ids, not as log-probabilities.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Answer, type GenerationChunk } from '../../lib/engine/answer.ts'
import { AnswerGuard } from '../../lib/engine/answer-guard.ts'
import { createEngine, guardedEngine } from '../../lib/engine/create-engine.ts'
import { guardedIds, guardedMessages } from '../../lib/engine/guarded-input.ts'
import { loadModel } from '../../lib/engine/load.ts'
import { Model } from '../../lib/engine/model.ts'
import { guardedText } from '../../lib/guard/guard.ts'
import { createGuard, type GuardPolicy } from '../../lib/guard/index.ts'
import type { CacheSizes } from '../../lib/native.ts'
import { resolveSampling } from '../../lib/sampling/params.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { addon, needs } from './needs.ts'

const file = JSON.parse(readFileSync(join(import.meta.dirname, 'byte-tokenizer.json'), 'utf8'))
const tokenizer = Tokenizer.fromFiles({ tokenizer: file })
const byteIds = Array.from({ length: 256 }, (_, byte) =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => id).find(id => {
    const bytes = tokenizer.tokenBytes(id)
    return bytes.length === 1 && bytes[0] === byte
  }),
)

/** The answer whose tokens are the bytes of `text`. */
function answerOf(text: string, policy: 'default' | GuardPolicy, stop: string[] = []) {
  const params = resolveSampling(
    { stop, logprobs: 2 },
    {
      defaults: { temperature: 0, eosTokenIds: [] },
      vocabLimit: tokenizer.vocabSize,
      promptTokens: 1,
      maxContext: 10_000,
      randomSeed: () => 1n,
    },
  )
  const guard = createGuard(policy)
  const answer = new Answer(params, tokenizer, new AnswerGuard(guardedText(guard, 'output')))
  const chunks: GenerationChunk[] = []
  let reason: string | undefined
  for (const byte of Buffer.from(text)) {
    const id = byteIds[byte]!
    reason = answer.push(id, -0.5, [{ tokenId: id, logprob: -0.5 }])
    if (reason !== undefined) break
    const chunk = answer.take()
    if (chunk) chunks.push(chunk)
  }
  const rest = answer.finish()
  if (rest) chunks.push(rest)
  const ids = chunks.flatMap(chunk => chunk.tokenIds)
  const logprobs = chunks.flatMap(chunk => chunk.logprobs ?? [])
  const shown = chunks.map(chunk => chunk.text).join('')
  return { ids, logprobs, shown, reason, guard, blocked: answer.blocked }
}

const secrets = ['13800138000', 'anna@example.com', '6222021234567890128', '王小明先生']
const filler = fc.constantFrom(
  '您好 ',
  'call ',
  '字😀',
  '\n',
  ', ',
  '"',
  '{"a": "',
  '\\u0031',
  'x',
  '7 ',
)

describe('an answer with a guard', () => {
  it('shows the ids and log-probabilities of what it shows, and no others', () => {
    const { shown, ids, logprobs } = answerOf('Ring 13800138000 now.', 'default')
    expect(shown).toBe('Ring [PHONE] now.')
    expect(tokenizer.decode(ids)).toBe('Ring  now.')
    expect(logprobs.map(one => one.text).join('')).toBe('Ring  now.')
    expect(logprobs.flatMap(one => one.top.map(top => top.text)).join('')).toBe('Ring  now.')
  })

  it('ends in front of what is blocked', () => {
    const { shown, ids, reason, blocked } = answerOf('Mail anna@example.com ', {
      categories: { email: 'block' },
    })
    expect([shown, tokenizer.decode(ids), reason, blocked]).toEqual([
      'Mail ',
      'Mail ',
      'content_filter',
      true,
    ])
  })

  it('leaves everything as it is where nothing is found', () => {
    const text = 'Ein Satz mit Ümlauten, 字 und 😀.'
    const { shown, ids } = answerOf(text, 'default')
    expect(shown).toBe(text)
    expect(ids).toEqual([...Buffer.from(text)].map(byte => byteIds[byte]))
  })

  it('holds with stop strings', () => {
    const { shown, ids, reason } = answerOf('Ring 13800138000 STOP and more', 'default', ['STOP'])
    expect([shown, reason]).toEqual(['Ring [PHONE] ', 'stop'])
    expect(tokenizer.decode(ids)).toBe('Ring  ')
  })

  it('equals one scan of the whole, and its ids spell what is left', () => {
    const pieces = fc.array(fc.oneof(filler, fc.constantFrom(...secrets)), { maxLength: 8 })
    fc.assert(
      fc.property(pieces, list => {
        const text = list.join('')
        const { shown, ids, logprobs, guard } = answerOf(text, 'default')
        expect(shown).toBe(guard.scanJson(text).text)
        const spelled = tokenizer.decode(ids)
        for (const secret of secrets)
          if (!shown.includes(secret)) {
            expect(spelled).not.toContain(secret)
            expect(logprobs.map(one => one.text).join('')).not.toContain(secret)
          }
      }),
      { numRuns: 300 },
    )
  })
})

describe('what enters', () => {
  const guard = createGuard({ categories: { phone: 'mask', email: { input: 'block' } } })

  it('masks messages, parts, arguments, names and results, and no word of the protocol', () => {
    const phone = '13800138000'
    const call = { id: phone, function: { name: 'ring', arguments: { to: Number(phone) } } }
    const messages = [
      { role: 'user' as const, content: [{ type: 'text' as const, text: `ring ${phone}` }] },
      { role: 'assistant' as const, content: null, tool_calls: [call] },
      { role: 'tool' as const, tool_call_id: phone, content: `{"phone": ${phone}}` },
    ]
    expect(guardedMessages(guard, messages).value).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'ring [PHONE]' }] },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: '[PHONE]', function: { name: 'ring', arguments: { to: 0 } } }],
      },
      { role: 'tool', tool_call_id: '[PHONE]', content: '{"phone": 0}' },
    ])
    const mail = [{ role: 'user' as const, content: 'anna@example.com' }]
    expect(guardedMessages(guard, mail).value).toBeUndefined()
  })

  it('masks what stands in two parts, and in names', () => {
    const text = (value: string) => ({ type: 'text' as const, text: value })
    const parts = [text('ring 138 0013'), text(''), text(' 8000 now'), text('!')]
    const call = { function: { name: 'ring_13800138000', arguments: { '13800138000': 'x' } } }
    const messages = [
      { role: 'user' as const, content: parts, name: '13800138000' },
      { role: 'assistant' as const, content: null, tool_calls: [call], '13800138000': 1 },
    ]
    expect(guardedMessages(guard, messages).value).toEqual([
      {
        role: 'user',
        content: [text('ring [PHONE]'), text(''), text(' now'), text('!')],
        name: '[PHONE]',
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ function: { name: 'ring_[PHONE]', arguments: { '[PHONE]': 'x' } } }],
        '[PHONE]': 1,
      },
    ])
    const blocked = [text('anna@exam'), text('ple.com')]
    expect(guardedMessages(guard, [{ role: 'user', content: blocked }]).value).toBeUndefined()
  })

  it('refuses what it cannot read', () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const deep = JSON.parse(`${'['.repeat(100)}"13800138000"${']'.repeat(100)}`)
    for (const value of [circle, deep, new Map([['a', '13800138000']]), { arguments: circle }])
      expect(() => guardedMessages(guard, [{ role: 'user', content: 'x', more: value }])).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      )
  })

  it('masks ids between control tokens and keeps those', () => {
    const [control] = tokenizer.controlTokens
    const ids = (text: string) => [...tokenizer.encode(text)]
    const prompt = [...ids('a 13800138000 '), control!.id, ...ids(' b')]
    const masked = guardedIds(guard, tokenizer, prompt)
    expect(masked.value).toEqual([...ids('a [PHONE] '), control!.id, ...ids(' b')])
    expect(guardedIds(guard, tokenizer, ids('plain')).value).toEqual(ids('plain'))
    expect(guardedIds(guard, tokenizer, ids('anna@example.com')).value).toBeUndefined()
  })
})

describe('an engine with a guard', () => {
  needs(addon, 'default-model/model.safetensors')

  it('does not show the model what the policy masks, and refuses what it blocks', async () => {
    await using model = await loadModel()
    const guard = createGuard({ categories: { phone: 'mask', email: 'block' } })
    await using engine = await createEngine(model, { guard })
    const options = { temperature: 0, maxTokens: 8 }
    const ask = (content: string) => [{ role: 'user' as const, content }]
    const masked = await engine.chat(ask('My number is 13800138000.'), options).result()
    const truth = await model.chat(ask('My number is [PHONE].'), options).result()
    expect([masked.text, masked.tokenIds]).toEqual([truth.text, truth.tokenIds])
    const refused = await engine.chat(ask('I am anna@example.com.'), { ...options, n: 2 }).result()
    expect(refused).toMatchObject({ text: '', finishReason: 'content_filter', tokenIds: [] })
    expect(refused.answers).toHaveLength(2)
    expect(engine.guard!.counts()).toHaveLength(2)
    const { ids } = model.tokenizer!.applyChatTemplate(ask('My number is 13800138000.'))
    const byIds = await engine.generate(ids, options).result()
    expect(byIds.tokenIds).toEqual(masked.tokenIds)
  })

  it('scores and embeds what the guard lets through', async () => {
    await using model = await loadModel()
    const policy: GuardPolicy = { categories: { phone: 'mask', email: 'block' } }
    await using engine = await createEngine(model, { guard: policy })
    const ids = (text: string) => model.tokenizer!.encode(text)
    const [asked, masked] = [ids('ring 13800138000 now'), ids('ring [PHONE] now')]
    const scores = await engine.score(asked)
    expect(scores.map(one => one?.tokenId)).toEqual([undefined, ...masked.slice(1)])
    expect(scores).toEqual(await model.engine.score(masked))
    expect(await engine.embed(asked)).toEqual(await model.engine.embed(masked))
    const blocked = ids('I am anna@example.com')
    const refusal = { code: 'invalid_request', details: { reason: 'content_filter' } }
    await expect(engine.score(blocked)).rejects.toMatchObject(refusal)
    await expect(engine.embed(blocked)).rejects.toMatchObject(refusal)
  })

  it("guards the model's own engine without a second cache", async () => {
    await using model = await loadModel()
    let opened = 0
    const { executor } = Model.partsOf(model).host
    const openCache = executor.openCache.bind(executor)
    const value = (sizes: CacheSizes) => {
      opened++
      return openCache(sizes)
    }
    Object.defineProperty(executor, 'openCache', { value })
    const engine = guardedEngine(model, { categories: { phone: 'mask' } })
    const options = { temperature: 0, maxTokens: 4 }
    const masked = await engine.generate('ring 13800138000', options).result()
    const truth = await model.generate('ring [PHONE]', options).result()
    expect(masked.tokenIds).toEqual(truth.tokenIds)
    expect([opened, engine.stats().pages]).toEqual([0, model.engine.stats().pages])
    await createEngine(model, { kvPages: 4 })
    expect(opened).toBe(1)
  })

  it('tells what it found, and ends what moderation blocks', async () => {
    await using model = await loadModel()
    await using engine = await createEngine(model, { guard: { categories: { phone: 'score' } } })
    const ask = (moderation?: object) =>
      engine.generate('ring 13800138000', { maxTokens: 2, ...(moderation && { moderation }) })
    expect((await ask().result()).moderation).toBeUndefined()
    const { moderation, finishReason } = await ask({}).result()
    expect(moderation!.input).toMatchObject([{ category: 'phone', start: 5, end: 16 }])
    expect([moderation!.output, finishReason]).toEqual([[], 'length'])
    const blocked = await ask({ input: 'block' }).result()
    expect(blocked).toMatchObject({ finishReason: 'content_filter', tokenIds: [] })
    expect(blocked.moderation!.input).toHaveLength(1)
    await expect(ask({ input: 'mask' }).result()).rejects.toMatchObject({ code: 'invalid_request' })
    const bare = model.engine.generate('x', { moderation: {} }).result()
    await expect(bare).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('gives no routes, which tell masked tokens; those of the model itself pass no guard', async () => {
    await using model = await loadModel()
    await using engine = await createEngine(model, { guard: 'default' })
    const refused = { code: 'invalid_request', details: { option: 'routes' } }
    for (const asked of [
      engine.generate('Hi', { routes: true, maxTokens: 1 }),
      engine.chat([{ role: 'user', content: 'Hi' }], { routes: true, maxTokens: 1 }),
    ])
      await expect(asked.result()).rejects.toMatchObject(refused)
    const { routes } = await model.engine.generate('Hi', { routes: true, maxTokens: 1 }).result()
    expect(routes!.length).toBeGreaterThan(0)
  })

  it('needs a guard that is one', async () => {
    await using model = await loadModel()
    const wrong = createEngine(model, { guard: { categories: { nothing: 'mask' } } as never })
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
