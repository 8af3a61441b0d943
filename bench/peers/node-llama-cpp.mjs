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

/** A greedy answer. The prompt is new to the cache each time. */
async function answer(ids, tokens) {
  await sequence.clearHistory()
  const out = []
  for await (const id of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    out.push(id)
    if (out.length === tokens) break
  }
  return out
}

serve({
  async load({ module, theirs, threads, context }) {
    const { getLlama } = await import(pathToFileURL(join(module, 'dist/index.js')).href)
    const llama = await getLlama({
      gpu: false,
      build: 'never',
      maxThreads: threads,
      logLevel: 'error',
    })
    await model?.dispose()
    const start = performance.now()
    model = await llama.loadModel({ modelPath: theirs, gpuLayers: 0, checkTensors: false })
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
  greedy: ({ ids, tokens }) => answer(ids, tokens),
  /** The prompt alone; no logits, no sampling. */
  async prefill({ ids, clock }) {
    await sequence.clearHistory()
    const start = clocks[clock]()
    await sequence.evaluateWithoutGeneratingNewTokens(ids)
    return clocks[clock]() - start
  },
  /** Milliseconds a step of all sequences, each grown by one id first; the first time reads the prompts. */
  async decode({ prompts, tokens, threads, clock }) {
    const sequences = await sequencesOf({ count: prompts.length, context: 512, threads })
    for (const [i, each] of sequences.entries())
      if (each.nextTokenIndex === 0) await each.evaluateWithoutGeneratingNewTokens(prompts[i])
    const start = clocks[clock]()
    await Promise.all(
      sequences.map(async (each, i) => {
        let count = 0
        for await (const _ of each.evaluate([prompts[i][0]], {
          temperature: 0,
          yieldEogToken: true,
        }))
          if (++count === tokens) break
      }),
    )
    return (clocks[clock]() - start) / tokens
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
