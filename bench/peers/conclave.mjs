// Our side of the comparison.
import { createEngine, loadModel } from '../../dist/index.mjs'
import { clocks, greedy } from '../measure.mjs'
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
  async load({ ours, threads, context }) {
    await model?.dispose()
    const start = performance.now()
    model = await loadModel(ours, { threads, maxContext: context, prefixCache: false })
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
  /** Milliseconds a step while all answers grow; their prompts are in the cache from the second time on. */
  async decode({ prompts, tokens, clock }) {
    const engine = await engineFor(prompts.length, 8 * prompts.length)
    const ticks = await Promise.all(
      prompts.map(async ids => {
        const ticks = []
        const options = { ...greedy, maxTokens: tokens + 8 }
        for await (const { tokenIds } of engine.generate(ids, options))
          for (const _ of tokenIds) ticks.push(clocks[clock]())
        return ticks
      }),
    )
    const from = Math.max(...ticks.map(own => own[0]))
    const to = Math.min(...ticks.map(own => own.at(-1)))
    const within = ticks[0].filter(tick => tick >= from && tick <= to)
    return (within.at(-1) - within[0]) / (within.length - 1)
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
