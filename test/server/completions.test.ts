import { describe, expect, it } from 'vitest'
import { clientOf, defaultApp, post } from './default-app.ts'

interface Body {
  choices: {
    text: string
    logprobs: {
      tokens: string[]
      token_logprobs: (number | null)[]
      top_logprobs: Record<string, number>[]
      text_offset: number[]
    }
  }[]
  usage: { completion_tokens: number }
  error: { code: string }
}

const text = 'Once upon a time there was a fox'

describe('/v1/completions', () => {
  const held = defaultApp()
  const ask = async (body: object) => {
    const response = await post(held.app, '/v1/completions', {
      prompt: text,
      temperature: 0,
      ...body,
    })
    return { status: response.status, body: (await response.json()) as Body }
  }

  it('continues text and ids alike, and several prompts in their order', async () => {
    const own = await held.model.generate(text, { maxTokens: 8, temperature: 0 }).result()
    const client = clientOf(held.app)
    const options = { model: 'conclave', max_tokens: 8, temperature: 0 }
    const one = await client.completions.create({ ...options, prompt: text })
    expect(one.choices[0]!.text).toBe(own.text)
    const ids = [...held.model.tokenizer!.encode(text)]
    const many = await client.completions.create({ ...options, prompt: [ids, ids.slice(0, 3)] })
    expect(many.choices.map(c => c.index)).toEqual([0, 1])
    expect(many.choices[0]!.text).toBe(own.text)
    const streamed = ['', '']
    const stream = await client.completions.create({
      ...options,
      prompt: [ids, ids.slice(0, 3)],
      stream: true,
    })
    for await (const { choices } of stream) streamed[choices[0]!.index] += choices[0]!.text
    expect(streamed).toEqual(many.choices.map(c => c.text))
  })

  it('scores the prompt with echo, as the logits of the model say', async () => {
    const ids = [...held.model.tokenizer!.encode(text)]
    const { body } = await ask({ echo: true, logprobs: 2, max_tokens: 1 })
    const { tokens, token_logprobs, top_logprobs, text_offset } = body.choices[0]!.logprobs
    expect(tokens).toHaveLength(ids.length + 1)
    expect(tokens.join('')).toBe(body.choices[0]!.text)
    expect(token_logprobs[0]).toBeNull()
    const logits = await held.model.logits(ids)
    const { vocabSize } = held.model.info
    for (let i = 1; i < ids.length; i++) {
      const row = logits.subarray((i - 1) * vocabSize, i * vocabSize)
      const norm = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))
      expect(token_logprobs[i]).toBeCloseTo(row[ids[i]!]! - norm, 4)
      expect(top_logprobs[i]![tokens[i]!]).toBe(token_logprobs[i])
      expect(body.choices[0]!.text.startsWith(tokens[i]!, text_offset[i])).toBe(true)
    }
  })

  it('gives the prompt alone at max_tokens 0 with echo', async () => {
    const { body } = await ask({ echo: true, logprobs: 1, max_tokens: 0 })
    expect(body.choices[0]!.text).toBe(text)
    expect(body.usage.completion_tokens).toBe(0)
    expect((await ask({ max_tokens: 0 })).status).toBe(400)
  })

  it('refuses one bad prompt of several with nothing left in work', async () => {
    const { status, body } = await ask({ prompt: [[1, 2], [99_999_999]] })
    expect(status).toBe(400)
    expect(body.error.code).toBe('invalid_request')
    expect(held.app.active).toBe(0)
    for (const prompt of ['', [], [''], [[]], 7, null, { a: 1 }])
      expect((await ask({ prompt })).status).toBe(400)
  })
})

describe('/v1/embeddings, /tokenize and /detokenize', () => {
  const held = defaultApp()

  it('gives the text of every token of a long prompt, and others their turns meanwhile', async () => {
    const prompt = 'The fox é 狐 ran. '.repeat(2000)
    let turns = 0
    const tick = setInterval(() => turns++, 0)
    const asked = { prompt, add_special_tokens: false, return_token_strs: true }
    const response = await post(held.app, '/tokenize', asked)
    clearInterval(tick)
    const { tokens, token_strs: texts } = (await response.json()) as {
      tokens: number[]
      token_strs: string[]
    }
    const { tokenizer } = held.model
    const text = (id: number) => tokenizer!.decode([id], { skipSpecialTokens: false })
    expect(texts).toEqual(tokens.map(text))
    expect(turns).toBeGreaterThan(0)
  })

  it('embeds by the client in floats and base64 alike', async () => {
    const client = clientOf(held.app)
    const ask = (more: object) =>
      client.embeddings.create({ model: 'conclave', input: ['a fox', 'a cat'], ...more })
    const floats = await ask({ encoding_format: 'float' })
    const packed = await ask({})
    expect(packed.data[1]!.embedding).toHaveLength(floats.data[1]!.embedding.length)
    packed.data[1]!.embedding.forEach((x, i) => {
      expect(x).toBeCloseTo(floats.data[1]!.embedding[i]!, 6)
    })
    const short = await ask({ encoding_format: 'float', dimensions: 16 })
    expect(Math.hypot(...short.data[0]!.embedding)).toBeCloseTo(1, 5)
    const last = await ask({ encoding_format: 'float', pooling: 'last' })
    const ids = held.model.tokenizer!.encode('a fox')
    const own = await held.model.engine.embed(ids, { pooling: 'last' })
    expect(last.data[0]!.embedding).toEqual([...own])
    expect(last.data[0]!.embedding).not.toEqual(floats.data[0]!.embedding)
    await expect(ask({ dimensions: 100_000 })).rejects.toMatchObject({ param: 'dimensions' })
  })

  it('tokenizes text and conversations, and back', async () => {
    const ask = async (path: string, body: object) =>
      (await (await post(held.app, path, body)).json()) as { tokens: number[]; prompt: string }
    const { tokens } = await ask('/tokenize', { prompt: 'a fox <|im_end|>' })
    const back = await ask('/detokenize', { tokens })
    expect(back.prompt).toBe('a fox <|im_end|>')
    const messages = [{ role: 'user', content: 'Hello' }]
    const chat = await ask('/tokenize', { messages })
    const own = held.model.tokenizer!.applyChatTemplate([{ role: 'user', content: 'Hello' }])
    expect(chat.tokens).toEqual([...own.ids])
    expect((await post(held.app, '/tokenize', {})).status).toBe(400)
    expect((await post(held.app, '/detokenize', { tokens: [1e9] })).status).toBe(400)
  })
})
