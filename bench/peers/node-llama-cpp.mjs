// The peer's side, with its own defaults for a CPU and flash attention.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { clocks } from '../measure.mjs'
import { serve } from './worker.mjs'

let model
let sequence
/** Contexts by what they were made with. */
const contexts = new Map()

async function sequencesOf({ count, context, threads }) {
  const key = `${count} ${context}`
  if (!contexts.has(key)) {
    const made = await model.createContext({
      contextSize: context,
      sequences: count,
      batchSize: 512,
      threads,
      flashAttention: true,
    })
    contexts.set(
      key,
      Array.from({ length: count }, () => made.getSequence()),
    )
  }
  return contexts.get(key)
}

/** A greedy answer with the time of each token. The prompt is new to the cache each time. */
async function timed(ids, tokens, clock = 'wall') {
  await sequence.clearHistory()
  const out = []
  const ticks = []
  for await (const id of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    out.push(id)
    ticks.push(clocks[clock]())
    if (out.length === tokens) break
  }
  return { out, ticks }
}

serve({
  async load({ module, gguf, threads, context }) {
    const { getLlama } = await import(pathToFileURL(join(module, 'dist/index.js')).href)
    const llama = await getLlama({
      gpu: false,
      build: 'never',
      maxThreads: threads,
      logLevel: 'error',
    })
    const start = performance.now()
    model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, checkTensors: false })
    const loadMs = performance.now() - start
    const made = await model.createContext({
      contextSize: context,
      batchSize: 512,
      threads,
      flashAttention: true,
    })
    sequence = made.getSequence()
    return { loadMs }
  },
  greedy: async ({ ids, tokens }) => (await timed(ids, tokens)).out,
  /** The prompt alone; no logits, no sampling. */
  async prefill({ ids, clock }) {
    await sequence.clearHistory()
    const start = clocks[clock]()
    await sequence.evaluateWithoutGeneratingNewTokens(ids)
    return clocks[clock]() - start
  },
  async decode({ ids, tokens, clock }) {
    const { ticks } = await timed(ids, tokens + 1, clock)
    return (ticks.at(-1) - ticks[0]) / tokens
  },
  /** All prompts at once: milliseconds to the first token of each, and to the last of all. */
  async together({ prompts, tokens, context, threads }) {
    const sequences = await sequencesOf({ count: prompts.length, context, threads })
    for (const each of sequences) await each.clearHistory()
    const start = performance.now()
    const first = await Promise.all(
      prompts.map(async (ids, i) => {
        let firstMs
        let count = 0
        for await (const _ of sequences[i].evaluate(ids, {
          temperature: 0,
          yieldEogToken: true,
        })) {
          firstMs ??= performance.now() - start
          if (++count === tokens) break
        }
        return firstMs
      }),
    )
    return { first, totalMs: performance.now() - start }
  },
  rss: async () => process.resourceUsage().maxRSS * 1024,
})
