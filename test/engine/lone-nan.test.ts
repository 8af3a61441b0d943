import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import { fingerprint } from './mixes.ts'
import { addon, needs, root } from './needs.ts'

const copy = mkdtempSync(join(tmpdir(), 'conclave-lone-nan-'))
/** The one token whose embedding is NaN; answers are kept from it. */
const poisoned = 310

function poison(): void {
  cpSync(join(root, 'test/golden/moe-f32'), copy, { recursive: true })
  const path = join(copy, 'model.safetensors')
  const bytes = readFileSync(path)
  const headerBytes = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))
  const { data_offsets, shape } = header['model.embed_tokens.weight']
  const row = 8 + headerBytes + data_offsets[0] + poisoned * shape[1] * 4
  for (let i = 0; i < shape[1]; i++) bytes.writeFloatLE(Number.NaN, row + 4 * i)
  writeFileSync(path, bytes)
}

describe('a request whose rows are not finite', () => {
  needs(addon)
  afterAll(() => rmSync(copy, { recursive: true }))

  it('ends alone; its pages are used again without a trace, and never shared', async () => {
    poison()
    await using model = await loadModel(copy, { pageSize: 16 })
    const kept = { logitBias: { [poisoned]: -100 } }
    const options = { temperature: 0, maxTokens: 12, ignoreEos: true, logprobs: 2, ...kept }
    const prompts = Array.from({ length: 8 }, (_, i) =>
      Array.from({ length: 5 + 9 * i }, (_, t) => (i * 31 + t * 7) % 300),
    )
    const truth = await Promise.all(prompts.map(p => model.generate(p, options).result()))
    // The pool holds little more than the requests, so pages change hands all the time.
    await using engine = await createEngine(model, { kvPages: 20, maxBatchTokens: 40 })
    for (let round = 0; round < 3; round++) {
      const bad = prompts.map(p => engine.generate([...p, poisoned, ...p], options).result())
      const good = prompts.map(p => engine.generate(p, options).result())
      for (const result of bad)
        await expect(result).rejects.toMatchObject({ code: 'numerical_error' })
      expect((await Promise.all(good)).map(fingerprint)).toEqual(truth.map(fingerprint))
    }
    const again = engine.generate([...prompts[7]!, poisoned, ...prompts[7]!], options).result()
    await expect(again).rejects.toMatchObject({ code: 'numerical_error' })
    expect(engine.stats().pages.used).toBe(0)
  })
})
