// Our side of the comparison.
import { loadModel } from '../../dist/index.mjs'
import { clocks, greedy, timedGenerate } from '../measure.mjs'
import { serve } from './worker.mjs'

let model

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
  rss: async () => process.resourceUsage().maxRSS * 1024,
})
