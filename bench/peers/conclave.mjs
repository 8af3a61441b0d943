// Our side of the comparison.
import { createEngine, loadModel } from '../../dist/index.mjs'
import { clocks, greedy, timedGenerate } from '../measure.mjs'
import { serve } from './worker.mjs'

let model
const engines = new Map()

async function engineFor(count, kvPages) {
  const key = `${count} ${kvPages}`
  if (!engines.has(key))
    engines.set(key, await createEngine(model, { maxSequences: count, kvPages, prefixCache: true }))
  return engines.get(key)
}

serve({
  async load({ folder, threads, context }) {
    const start = performance.now()
    model = await loadModel(folder, { threads, maxContext: context, prefixCache: false })
    return { loadMs: performance.now() - start, kernels: model.info.kernels }
  },
  async greedy({ ids, tokens }) {
    return (await model.generate(ids, { ...greedy, maxTokens: tokens }).result()).tokenIds
  },
  /** Prompt to first token, sampling included. */
  async prefill({ ids, clock }) {
    const start = clocks[clock]()
    await model.generate(ids, { ...greedy, maxTokens: 1 }).result()
    return clocks[clock]() - start
  },
  /** Milliseconds a token between the first and the last. */
  async decode({ ids, tokens, clock }) {
    const { ticks } = await timedGenerate(model, ids, tokens + 1, clocks[clock])
    return (ticks.at(-1) - ticks[0]) / tokens
  },
  /** All prompts at once: milliseconds to the first token of each, and to the last of all. */
  async together({ prompts, tokens, context }) {
    const pages = Math.ceil(context / 32) * prompts.length
    const engine = await engineFor(prompts.length, pages)
    const start = performance.now()
    const answers = prompts.map(ids => engine.generate(ids, { ...greedy, maxTokens: tokens }))
    const results = await Promise.all(answers.map(answer => answer.result()))
    const first = results.map(({ timings }) => timings.timeToFirstTokenMs)
    return { first, totalMs: performance.now() - start }
  },
  rss: async () => process.resourceUsage().maxRSS * 1024,
})
