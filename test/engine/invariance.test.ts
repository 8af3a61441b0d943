import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine, type EngineOptions } from '../../lib/engine/create-engine.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import type { LoadOptions } from '../../lib/engine/load-options.ts'
import { Model } from '../../lib/engine/model.ts'
import { engineGenerateNames } from '../../lib/engine/request-options.ts'
import { TextRequests } from '../../lib/engine/text-requests.ts'
import type { StepBatch } from '../../lib/native.ts'
import { fingerprint, type Probe, probeInMix, seededInts } from './mixes.ts'
import { addon, needs, root } from './needs.ts'

const numMixes = Number(process.env.CONCLAVE_MIXES ?? 200)
const folder = join(root, 'test/golden/moe-f32')

const int = seededInts(7)
const prompts = [5, 40, 150].map(length => Array.from({ length }, () => int(311)))
const drawn = { temperature: 0.9, topP: 0.9, seed: 7, presencePenalty: 0.5 }
const probes: Probe[] = prompts.flatMap(prompt =>
  [{ temperature: 0 }, drawn].map(options => ({
    prompt,
    options: { ...options, maxTokens: 20, ignoreEos: true, logprobs: 3 },
  })),
)

/** Chunks from one token to whole prompts; pools that hold all, and such as must preempt. */
const sizes: EngineOptions[] = [
  { maxBatchTokens: 512, maxSequences: 64, kvPages: 1000 },
  { maxBatchTokens: 7, maxSequences: 5, kvPages: 60 },
  { maxBatchTokens: 48, maxSequences: 64, kvPages: 24 },
  { maxBatchTokens: 1024, maxSequences: 32, kvPages: 13 },
  { maxBatchTokens: 33, maxSequences: 16, kvPages: 200, prefixCache: false },
]

const formats: LoadOptions[] = [
  { weights: 'f32' },
  { weights: 'bf16' },
  { weights: 'int8' },
  { weights: 'f32', kvCache: 'int8' },
  { weights: 'int8', kvCache: 'int8' },
]

describe.each(formats)('with %o', format => {
  needs(addon)
  let model: Model
  let alone: string[]

  beforeAll(async () => {
    model = await loadModel(folder, { ...format, pageSize: 16, prefixCache: false })
    alone = []
    for (const { prompt, options } of probes)
      alone.push(fingerprint(await model.generate(prompt, options).result()))
  })
  afterAll(() => model.dispose())

  const share = Math.max(1, Math.round(numMixes / sizes.length / 3))
  it(`a request gives the same bits alone and in ${share * sizes.length} mixes`, async () => {
    const seen = { preemptions: 0, cachedTokens: 0, aborted: 0, cachedProbes: 0 }
    for (const [s, size] of sizes.entries()) {
      await using engine = await createEngine(model, { prefixCache: true, ...size })
      for (let i = 0; i < share; i++) {
        const which = (i + s) % probes.length
        const seed = 1000 * s + i
        const { result, aborted } = await probeInMix(engine, probes[which]!, prompts, seed)
        expect(fingerprint(result), `mix ${seed} of engine ${s}`).toBe(alone[which])
        seen.aborted += aborted
        if (result.usage.cachedTokens > 0) seen.cachedProbes++
      }
      await new Promise(resolve => setTimeout(resolve, 20))
      const stats = engine.stats()
      expect(stats).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
      seen.preemptions += stats.preemptions
      seen.cachedTokens += stats.cachedTokens
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0)
  }, 3_600_000)
})

describe('the check itself', () => {
  needs(addon)

  it('fails where a step mixes up the pages of its sequences', async () => {
    await using model = await loadModel(folder, { pageSize: 16, prefixCache: false })
    const { host, info, ...parts } = Model.partsOf(model)
    const probe = probes[2]!
    const alone = fingerprint(await model.generate(probe.prompt, probe.options).result())
    const step = (batch: StepBatch) => {
      const pageTables = batch.pageTables.slice()
      const width = batch.maxPages
      for (let s = 0; s + 1 < batch.kvLengths.length; s++)
        pageTables[s * width] = pageTables[(s + 1) * width]!
      return host.executor.step({ ...batch, pageTables })
    }
    const executor = { ...executorOf(host.executor), step }
    const { vocabSize, maxContext } = info
    const engine = new Engine({ ...host, ...host.sizes, executor, maxContext, now: Date.now })
    const names = engineGenerateNames
    const texts = new TextRequests({ ...parts, engine, vocabSize, maxContext, names })
    const sabotaged = { generate: texts.generate.bind(texts) }
    let differing = 0
    for (let seed = 0; seed < 8; seed++) {
      const { result } = await probeInMix(sabotaged, probe, prompts, seed)
      if (fingerprint(result) !== alone) differing++
    }
    expect(differing).toBeGreaterThan(0)
  })
})

function executorOf(executor: ReturnType<typeof Model.partsOf>['host']['executor']) {
  return {
    sample: executor.sample.bind(executor),
    openSampler: executor.openSampler.bind(executor),
    closeSampler: executor.closeSampler.bind(executor),
    dispose: async () => {},
  }
}
