// What JavaScript adds to a step: how long the engine's thread waits for the next one, and the
// main thread's own work.
import { availableParallelism } from 'node:os'
import { calmly } from './foreign.mjs'
import { internals, watchExecutors } from './internals.mjs'
import { greedy, median, quantile, randomIds } from './measure.mjs'
import { ensureModel } from './models.mjs'

export async function run({ quick }) {
  const rows = []
  for (const sequences of [1, 64]) {
    const model = await openWatched(ensureModel('tiny'), sequences)
    try {
      rows.push(...(await decoding(model, sequences, quick ? 200 : 400)))
      rows.push(await roundTrip(model.executor, sequences, quick ? 500 : 3000))
    } finally {
      await model.dispose()
    }
  }
  return rows
}

/** A model on all cores but one, whose packed steps are noted. */
async function openWatched(folder, sequences) {
  const { native, loadModel } = await internals()
  const steps = []
  let executor
  const restore = watchExecutors(native(), made => {
    executor = made
    const inner = made.stepPacked.bind(made)
    const stepPacked = (batch, results) => {
      const tokens = batch[0]
      const floats = new Float32Array(results.buffer)
      const step = inner(batch, results)
      step.then(
        () => steps.push({ tokens, ms: floats[2], idleMs: floats[3] }),
        () => {},
      )
      return step
    }
    Object.defineProperty(made, 'stepPacked', { value: stepPacked })
  })
  const threads = Math.max(1, availableParallelism() - 1)
  const options = { maxSequences: sequences, maxContext: 512, kvPages: 16 * sequences, threads }
  const model = await loadModel(folder, options)
  restore()
  const generate = async maxTokens => {
    const prompts = Array.from({ length: sequences }, (_, i) => randomIds(8, 1024, i + 1))
    steps.length = 0
    await Promise.all(prompts.map(ids => model.generate(ids, { ...greedy, maxTokens }).result()))
    return steps.filter(s => s.tokens === sequences)
  }
  return { generate, executor, dispose: () => model.dispose() }
}

/** Requests that decode together: each step is queued behind the one that runs. */
async function decoding({ generate }, sequences, numTokens) {
  // Until the compiler has seen enough of it.
  await generate(400)
  const { value, foreign } = await calmly(async () => {
    const before = performance.eventLoopUtilization()
    const steps = await generate(numTokens)
    const { active } = performance.eventLoopUtilization(before)
    return { steps, active: (active * 1000) / steps.length }
  })
  const { steps, active } = value
  const idle = steps.map(s => s.idleMs * 1000)
  const nativeMs = median(steps.map(s => s.ms * 1000))
  return [
    {
      what: `the engine waits between two steps, ${sequences} sequences`,
      model: 'tiny',
      value: median(idle),
      unit: 'µs',
      target: '≤ 10 µs',
      holds: median(idle) <= 10,
      foreign,
      note: `p90 ${quantile(idle, 0.9).toFixed(0)} µs; native step ${nativeMs.toFixed(0)} µs`,
    },
    {
      what: `JavaScript a step, ${sequences} sequences`,
      model: 'tiny',
      value: active,
      unit: 'µs',
      target: '≤ 200 µs',
      holds: active <= 200,
      foreign,
      note: `the event loop's busy time over ${steps.length} steps`,
    },
  ]
}

/** A lone step, sampled by no one: what its promise takes beyond the native work. */
async function roundTrip(executor, sequences, repeats) {
  const batch = packedDecodes(sequences)
  const results = new Int32Array(8 + 3 * sequences)
  const floats = new Float32Array(results.buffer)
  const { value: extra, foreign } = await calmly(async () => {
    const times = []
    for (let i = 0; i < repeats; i++) {
      const start = performance.now()
      await executor.stepPacked(batch, results)
      times.push((performance.now() - start - floats[2]) * 1000)
    }
    return times
  })
  return {
    what: `there and back, a lone step of ${sequences} sequences`,
    model: 'tiny',
    value: median(extra),
    unit: 'µs',
    foreign,
    note: `p90 ${quantile(extra, 0.9).toFixed(0)} µs beyond the native work`,
  }
}

/** One token for each sequence, each on a page of its own: lib/engine/batch.ts has the layout. */
function packedDecodes(n) {
  const each = value => Array.from({ length: n }, (_, i) => value(i))
  const header = [n, n, n, 1, 0, 0, 0, 0]
  const [rising, zeros, ones] = [each(i => i), each(() => 0), each(() => 1)]
  const unsampled = each(() => -1)
  return Int32Array.from(
    [header, rising, zeros, [...rising, n], ones, rising, rising, unsampled].flat(),
  )
}
