import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel, type Model } from '../../lib/index.ts'
import { makeFolder } from '../files/folder.ts'
import { addon, firstMissing, needs, root } from './needs.ts'

const image = '<|image|>'

/** 257 ids for 311 rows, and two added tokens beyond the rows, as published tokenizers have them. */
function folderWith(template: string): string {
  const file = JSON.parse(readFileSync(join(root, 'test/engine/byte-tokenizer.json'), 'utf8'))
  file.added_tokens.push({ id: 311, content: image, special: true })
  file.added_tokens.push({ id: 400, content: '[aside]', special: false })
  const folder = makeFolder({ 'tokenizer.json': file, 'chat_template.jinja': template })
  cpSync(join(root, 'test/golden/moe-f32'), folder, { recursive: true })
  return folder
}

describe('added tokens beyond the rows of the embedding', () => {
  needs(addon)
  let model: Model
  let strict: Model
  const greedy = { maxTokens: 4, temperature: 0 }

  beforeAll(async () => {
    if (firstMissing([addon]) !== undefined) return
    model = await loadModel(folderWith('{% for m in messages %}{{ m.content }}{% endfor %}'))
    strict = await loadModel(folderWith(`${image}{{ messages[0].content }}`))
  })
  afterAll(async () => {
    await model?.dispose()
    await strict?.dispose()
  })

  it('are text where a caller writes them, and answers are as without them', async () => {
    const messages = [{ role: 'user' as const, content: `a ${image} [aside]` }]
    const answer = await model.chat(messages, greedy).result()
    const ids = [...model.tokenizer!.encode(messages[0]!.content)]
    expect(Math.max(...ids)).toBeLessThan(257)
    expect(answer.tokenIds).toEqual((await model.generate(ids, greedy).result()).tokenIds)
  })

  it('are refused in a prompt, by ids or by a template, and the model goes on', async () => {
    const refused = { code: 'invalid_request', message: expect.stringContaining('311') }
    await expect(model.generate([1, 311], greedy).result()).rejects.toMatchObject(refused)
    const chat = strict.chat([{ role: 'user', content: 'Hi' }], greedy)
    await expect(chat.result()).rejects.toMatchObject(refused)
    expect((await strict.generate([1, 2], greedy).result()).tokenIds.length).toBeGreaterThan(0)
  })

  it('are never given, under a grammar either', async () => {
    const choices = ['[aside]', 'b']
    const options = { ...greedy, maxTokens: 20, structured: { type: 'choice' as const, choices } }
    const { text, tokenIds } = await model.generate([1, 2, 3], options).result()
    expect(choices).toContain(text)
    expect(Math.max(...tokenIds)).toBeLessThan(311)
  })
})
