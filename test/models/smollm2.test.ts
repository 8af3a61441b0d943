import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ChatMessage, loadModel, type Model } from '../../lib/index.ts'
import { smollm2Path, smollm2Sha256 } from '../../scripts/fetch-smollm2.mjs'

interface Reference {
  chats: {
    messages: ChatMessage[]
    text: string
    ids: number[]
    greedy: number[]
    /** Between the best two logits, at each new token. */
    margins: number[]
  }[]
  /** Ids without control tokens. */
  texts: { text: string; ids: number[] }[]
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('./smollm2/reference.json', import.meta.url), 'utf8'),
)
const maxUnclearMargin = 1e-2
const present = existsSync(smollm2Path)
const reason = 'SmolLM2 is not fetched: node scripts/fetch-smollm2.mjs'

beforeEach(context => {
  if (!present) context.skip(reason)
})

describe('SmolLM2-135M-Instruct Q4_1', () => {
  let model: Model
  beforeAll(async () => {
    if (present) model = await loadModel(smollm2Path, { weights: 'f32', kvCache: 'f32' })
  })
  afterAll(() => model?.dispose())

  it('is the file of the reference', () => {
    const hash = createHash('sha256').update(readFileSync(smollm2Path)).digest('hex')
    expect(hash).toBe(smollm2Sha256)
    expect(reference.chats).toHaveLength(20)
    for (const { greedy } of reference.chats) expect(greedy.length).toBeGreaterThanOrEqual(32)
  })

  it('says what it is', () => {
    expect(model.info).toMatchObject({
      architecture: 'llama',
      parametersTotal: 134_515_008,
      weights: 'f32',
      vocabSize: 49_152,
      layers: 30,
    })
  })

  it('encodes texts as the model’s own tokenizer', () => {
    for (const { text, ids } of reference.texts) {
      expect(Array.from(model.tokenizer!.encode(text)), text).toEqual(ids)
    }
  })

  it('decodes what it encodes', () => {
    for (const { text, ids } of reference.texts) {
      expect(model.tokenizer!.decode(ids), text).toBe(text)
    }
  })

  it('renders the chat template', () => {
    for (const { messages, text, ids } of reference.chats) {
      const prompt = model.tokenizer!.applyChatTemplate(messages)
      expect(prompt.text).toBe(text)
      expect(Array.from(prompt.ids)).toEqual(ids)
    }
  })

  const chats = reference.chats.map(chat => ({ ...chat, asked: chat.messages.at(-1)!.content }))
  it.each(chats)('answers: $asked', async ({ ids, greedy, margins }) => {
    // Where the best two are all but equal either may win; the answer goes on from the reference.
    for (let done = 0; done < greedy.length; ) {
      const answer = await model
        .generate([...ids, ...greedy.slice(0, done)], {
          maxTokens: greedy.length - done,
          temperature: 0,
          repetitionPenalty: 1,
          ignoreEos: true,
        })
        .result()
      const rest = greedy.slice(done)
      const wrong = rest.findIndex((id, i) => id !== answer.tokenIds[i])
      if (wrong < 0) return
      expect(margins[done + wrong], `token ${done + wrong}`).toBeLessThan(maxUnclearMargin)
      done += wrong + 1
    }
  })
})

describe('SmolLM2 as stored', () => {
  it('widens the blocks to bf16 and answers alike', async () => {
    const model = await loadModel(smollm2Path)
    try {
      expect(model.info).toMatchObject({ weights: 'bf16', kvCache: 'bf16' })
      expect(model.info.weightBytes).toBeLessThan(134_515_008 * 2.01)
      const reply = await model
        .chat(reference.chats[0]!.messages, { temperature: 0, maxTokens: 24 })
        .result()
      expect(reply.text).toContain('Paris')
    } finally {
      await model.dispose()
    }
  })
})
