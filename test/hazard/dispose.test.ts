import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addon, needs, root } from '../engine/needs.ts'

const folder = join(root, 'test/golden/moe-f32')
const endless = { maxTokens: 2000, ignoreEos: true }

describe('dispose', () => {
  needs(addon)
  const load = async () => (await import('../../lib/index.ts')).loadModel(folder)

  it('ends requests in flight as aborted, with what they had', async () => {
    const model = await load()
    const answers = [1, 2, 3].map(id => model.generate([id], endless))
    const results = answers.map(answer => answer.result())
    await answers[0]![Symbol.asyncIterator]().next()
    await model.dispose()
    for (const { finishReason, tokenIds } of await Promise.all(results)) {
      expect(finishReason).toBe('aborted')
      expect(tokenIds.length).toBeLessThan(2000)
    }
  })

  it('is idempotent, also at once and while a step runs', async () => {
    const model = await load()
    const result = model.generate([1, 2], endless).result()
    await Promise.all([model.dispose(), model.dispose(), model[Symbol.asyncDispose]()])
    await model.dispose()
    expect((await result).finishReason).toBe('aborted')
  })

  it('makes every use after it fail with disposed', async () => {
    const model = await load()
    await model.dispose()
    const uses = [
      () => model.generate([1]).result(),
      () => model.chat([{ role: 'user', content: 'Hello' }]).result(),
      () => model.logits([1]),
      () => model.routes([1]),
    ]
    for (const use of uses) await expect(use()).rejects.toMatchObject({ code: 'disposed' })
    const stream = model.generate([1])[Symbol.asyncIterator]()
    await expect(stream.next()).rejects.toMatchObject({ code: 'disposed' })
  })

  it('of one model leaves another with the same files alone', async () => {
    const [kept, gone] = [await load(), await load()]
    const options = { maxTokens: 8, ignoreEos: true, temperature: 0 }
    const before = (await kept.generate([5, 6], options).result()).tokenIds
    await gone.dispose()
    expect((await kept.generate([5, 6], options).result()).tokenIds).toEqual(before)
    await kept.dispose()
  })
})
