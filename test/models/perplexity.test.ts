import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { evaluate } from '../../lib/eval/evaluate.ts'
import { loadModel } from '../../lib/index.ts'
import { smollm2Path } from '../../scripts/fetch-smollm2.mjs'
import { root } from '../engine/needs.ts'

/** From test/models/smollm2/perplexity.py on the same text and windows, in float32. */
const reference = { perplexity: 21.008975, tokens: 777 }

it('SmolLM2: perplexity as transformers computes it', { timeout: 300_000 }, async context => {
  if (!existsSync(smollm2Path))
    return context.skip('SmolLM2 is not fetched: node scripts/fetch-smollm2.mjs')
  const text = readFileSync(join(root, 'LICENSE'), 'utf8').slice(0, 4000)
  const model = await loadModel(smollm2Path, { weights: 'f32', kvCache: 'f32', maxContext: 256 })
  try {
    const ids = model.tokenizer!.encode(text)
    const { perplexity, tokens } = await evaluate(model, ids, { context: 256, reference: null })
    expect(tokens).toBe(reference.tokens)
    expect(Math.abs(perplexity / reference.perplexity - 1)).toBeLessThan(1e-3)
  } finally {
    await model.dispose()
  }
})
