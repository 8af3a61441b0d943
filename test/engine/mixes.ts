/** Random neighbours for one request, from a seed. */
import type { Generation, GenerationResult } from '../../lib/engine/generation.ts'
import type { EngineGenerateOptions } from '../../lib/engine/request-options.ts'

/** Anything that generates: an engine, or a model. */
export interface Generator {
  generate(prompt: readonly number[], options: EngineGenerateOptions): Generation
}

export interface Probe {
  prompt: readonly number[]
  options: EngineGenerateOptions
}

/** Mulberry32: whole numbers in [0, limit). */
export function seededInts(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return limit => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

/** Everything that must not depend on the neighbours, as text; numbers are written exactly. */
export function fingerprint({ tokenIds, logprobs, finishReason }: GenerationResult): string {
  const exact = logprobs?.map(({ logprob, top }) => [logprob, top.map(t => [t.tokenId, t.logprob])])
  return JSON.stringify([tokenIds, exact, finishReason])
}

const turn = () => new Promise(resolve => setImmediate(resolve))

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

/** One probe among 0 … `most` neighbours: new prompts, prompts that begin as the probes, aborts. */
export async function probeInMix(
  engine: Generator,
  probe: Probe,
  prompts: readonly (readonly number[])[],
  seed: number,
  most = 63,
): Promise<{ result: GenerationResult; aborted: number }> {
  const int = seededInts(seed)
  const vocabSize = 300
  const neighbours = Array.from({ length: int(most + 1) }, () => {
    const base = int(10) < 4 ? prompts[int(prompts.length)]! : []
    const tail = Array.from({ length: 1 + int(base.length > 0 ? 6 : 120) }, () => int(vocabSize))
    const abortAfter = int(10) < 3 ? int(12) : -1
    const options = { maxTokens: 1 + int(24), temperature: int(2), ignoreEos: true, n: 1 + int(2) }
    return { prompt: [...base, ...tail], options, delay: int(12), abortAfter }
  })
  const delay = int(12)
  let aborted = 0
  const runs = neighbours.map(async ({ prompt, options, abortAfter, ...n }) => {
    await turns(n.delay)
    const controller = new AbortController()
    if (abortAfter >= 0) void turns(abortAfter).then(() => controller.abort())
    const result = await engine.generate(prompt, { ...options, signal: controller.signal }).result()
    if (result.finishReason === 'aborted') aborted++
  })
  await turns(delay)
  const result = await engine.generate(probe.prompt, probe.options).result()
  await Promise.all(runs)
  return { result, aborted }
}
