// With a libuv pool of one thread: what a load and a step leave to the event loop and to file calls.
import { stat } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { loadModel } from '../../../dist/index.mjs'
import { caughtSignals, folder, longPrompt } from './model.mjs'

const listeners = () =>
  process.eventNames().map(name => [String(name), process.listenerCount(name)])
const before = { listeners: listeners(), signals: caughtSignals() }

/** File calls that end while `work` is under way, and the median of their times in ms. */
async function filesDuring(work) {
  const times = []
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  while (!done) {
    const start = performance.now()
    await stat(folder)
    if (!done) times.push(performance.now() - start)
  }
  await ended
  times.sort((a, b) => a - b)
  return { calls: times.length, medianMs: times[times.length >> 1] ?? null }
}

const histogram = monitorEventLoopDelay({ resolution: 5 })
histogram.enable()
const loaded = await loadModel(process.argv[2], { weights: 'f32' })
await new Promise(resolve => setTimeout(resolve, 10))
histogram.disable()
await loaded.dispose()
const model = await loadModel(folder, { maxBatchTokens: 4096 })
const step = await filesDuring(model.logits(longPrompt))
const decode = await filesDuring(
  model.generate([1, 2], { maxTokens: 300, ignoreEos: true }).result(),
)
const added = caughtSignals() & ~before.signals
console.log(
  JSON.stringify({
    loadDelayMs: Math.round(histogram.max / 1e6),
    step,
    decode,
    sameListeners: JSON.stringify(listeners()) === JSON.stringify(before.listeners),
    addedSignals: [...Array(64).keys()].filter(i => (added >> BigInt(i)) & 1n).map(i => i + 1),
  }),
)
