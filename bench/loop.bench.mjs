// Does the event loop stay free? Delay of a 1 ms timer while the engine computes, beside that of
// an idle process.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { calmly } from './foreign.mjs'
import { greedy, randomIds } from './measure.mjs'
import { folderOf } from './models.mjs'

const resolution = 1

/** Delays beyond the timer's own period while `work` runs, in milliseconds. */
async function delays(work) {
  const histogram = monitorEventLoopDelay({ resolution })
  await sleep(50)
  const { foreign } = await calmly(async () => {
    histogram.reset()
    histogram.enable()
    await work()
    histogram.disable()
  })
  const at = p => Math.max(0, histogram.percentile(p) / 1e6 - resolution)
  const max = Math.max(0, histogram.max / 1e6 - resolution)
  return { p50: at(50), p99: at(99), max, samples: histogram.count, foreign }
}

/** Does `work` again and again for at least `ms`. */
const repeat = (work, ms) => async () => {
  for (const end = performance.now() + ms; performance.now() < end; ) await work()
}

export async function run({ models, loadModel, quick }) {
  const rows = [row('event loop, idle', '', await delays(() => sleep(3000)))]
  for (const name of models.filter(m => m !== 'moe-m')) {
    const model = await loadModel(folderOf(name), { maxContext: 2048, prefixCache: false })
    const ids = n => randomIds(n, model.info.vocabSize, n)
    const prompt = Math.min(1900, model.info.maxContext - 8)
    const decode = { ...greedy, maxTokens: 200 }
    const until = quick ? 1000 : 5000
    const read = async (prompt, options) => {
      for await (const _ of model.generate(prompt, options));
    }
    try {
      await read(ids(16), { ...greedy, maxTokens: 4 })
      const short = () => read(ids(16), decode)
      rows.push(row('event loop, decode', name, await delays(repeat(short, until)), true))
      const long = () => read(ids(prompt), { ...greedy, maxTokens: 1 })
      rows.push(row(`event loop, prefill ${prompt}`, name, await delays(repeat(long, until)), true))
    } finally {
      await model.dispose()
    }
  }
  return rows
}

function row(what, model, { p50, p99, max, samples, foreign }, limited = false) {
  return {
    what: `${what}, p99`,
    model,
    value: p99,
    unit: 'ms',
    ...(limited && { target: '≤ 10 ms', holds: p99 <= 10 }),
    foreign,
    note: `p50 ${p50.toFixed(2)}, max ${max.toFixed(1)} ms, ${samples} samples`,
  }
}
