import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { clientOf, defaultApp } from './default-app.ts'

const model = 'conclave'
const messages = [{ role: 'user' as const, content: 'Sort these words: pear, apple, fig' }]

describe('the openai client, unmodified, with no socket', () => {
  const held = defaultApp()
  const ask = (more: object = {}) =>
    clientOf(held.app).chat.completions.create({
      model,
      messages,
      max_completion_tokens: 24,
      temperature: 0,
      ...more,
    } as OpenAI.ChatCompletionCreateParamsNonStreaming)

  it('lists the model', async () => {
    const { data } = await clientOf(held.app).models.list()
    expect(data.map(one => one.id)).toEqual([model])
    expect((await clientOf(held.app).models.retrieve(model)).id).toBe(model)
    await expect(clientOf(held.app).models.retrieve('a/../b')).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    )
  })

  it('answers as the model itself does, and counts', async () => {
    const { choices, usage } = await ask()
    const own = await held.model.chat(messages, { maxTokens: 24, temperature: 0 }).result()
    expect(choices[0]!.message.content).toBe(own.text)
    expect(choices[0]!.finish_reason).toBe(own.finishReason)
    expect(usage).toMatchObject({
      prompt_tokens: own.usage.promptTokens,
      completion_tokens: own.usage.completionTokens,
      total_tokens: own.usage.promptTokens + own.usage.completionTokens,
    })
  })

  it('streams the same text, with usage at the end', async () => {
    const whole = await ask()
    const stream = await clientOf(held.app).chat.completions.create({
      model,
      messages,
      max_completion_tokens: 24,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    const text = chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')
    expect(text).toBe(whole.choices[0]!.message.content)
    expect(chunks.at(-1)!.usage).toMatchObject({
      completion_tokens: whole.usage!.completion_tokens,
    })
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason)
    expect(chunks.slice(0, -1).every(chunk => chunk.usage === null)).toBe(true)
  })

  it('gives n answers, each as its seed alone would', async () => {
    const drawn = { temperature: 1, seed: 5 }
    const { choices } = await ask({ ...drawn, n: 3 })
    expect(choices.map(choice => choice.index)).toEqual([0, 1, 2])
    const second = await ask({ ...drawn, seed: 6 })
    expect(choices[1]!.message.content).toBe(second.choices[0]!.message.content)
  })

  it('gives logprobs for every token, in a stream as in the whole', async () => {
    const whole = await ask({ logprobs: true, top_logprobs: 3, max_completion_tokens: 8 })
    const content = whole.choices[0]!.logprobs!.content!
    expect(content).toHaveLength(whole.usage!.completion_tokens)
    expect(content.every(one => one.top_logprobs.length === 3)).toBe(true)
    expect(content[0]!.top_logprobs[0]).toMatchObject({ token: content[0]!.token })
    const stream = await clientOf(held.app).chat.completions.create({
      model,
      messages,
      max_completion_tokens: 8,
      temperature: 0,
      logprobs: true,
      top_logprobs: 3,
      stream: true,
    })
    const streamed = []
    for await (const { choices } of stream) streamed.push(...(choices[0]!.logprobs?.content ?? []))
    expect(streamed).toEqual(content)
  })

  it('takes stop, logit_bias, penalties and the rest of the extensions', async () => {
    const plain = (await ask()).choices[0]!.message.content!
    const word = plain.slice(4, 8)
    const stopped = await ask({ stop: [word] })
    expect(stopped.choices[0]!.message.content).toBe(plain.slice(0, plain.indexOf(word)))
    expect(stopped.choices[0]!.finish_reason).toBe('stop')
    const [first] = held.model.tokenizer!.encode(plain)
    const biased = await ask({ logit_bias: { [first!]: -100 } })
    expect(biased.choices[0]!.message.content!.startsWith(plain.slice(0, 4))).toBe(false)
    const extended = await ask({
      top_k: 5,
      min_p: 0.01,
      repetition_penalty: 1.1,
      ignore_eos: true,
      cache_salt: 'a',
      priority: 3,
      chat_template_kwargs: { enable_thinking: false },
      reasoning_effort: 'none',
    })
    expect(extended.usage!.completion_tokens).toBe(24)
  })

  it('maps errors to the classes of the client, naming the field', async () => {
    await expect(ask({ temperature: 9 })).rejects.toMatchObject({
      status: 400,
      param: 'temperature',
    })
    await expect(ask({ n: 0 })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(ask({ model: 'gpt-4o' })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(ask({ max_completion_tokens: 9999 })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
    const wrong = clientOf(held.app, 'sk-wrong').models.list()
    await expect(wrong).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })

  it('stops the work when the client leaves', async () => {
    const stop = new AbortController()
    const stream = await clientOf(held.app).chat.completions.create(
      { model, messages, max_completion_tokens: 1500, stream: true, ...{ ignore_eos: true } },
      { signal: stop.signal },
    )
    let count = 0
    const read = async () => {
      for await (const _ of stream) if (++count === 5) stop.abort()
    }
    await read()
    expect(held.app.active).toBe(0)
  })
})
