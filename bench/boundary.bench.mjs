// What JavaScript adds to a step: one crossing into the native engine and back, and the work
// between two steps.
import { Bench } from 'tinybench'
import { calmly } from './foreign.mjs'
import { internals, watchSteps } from './internals.mjs'
import { greedy, median, quantile, randomIds } from './measure.mjs'
import { ensureModel } from './models.mjs'

export async function run({ quick }) {
  const rows = []
  for (const sequences of [1, 64]) {
    const model = await openWatched(ensureModel('tiny'), sequences)
    try {
      rows.push(await quietly(() => crossing(model, sequences, quick)))
      rows.push(await quietly(() => javascript(model, sequences)))
    } finally {
      await model.dispose()
    }
  }
  return rows
}

async function quietly(measure) {
  const { value, foreign } = await calmly(measure)
  return { ...value, foreign }
}

/** A model whose steps are noted: start and end in JavaScript, native milliseconds. */
async function openWatched(folder, sequences) {
  const { native, loadModel } = await internals()
  const steps = []
  let step
  const restore = watchSteps(native(), inner => {
    step = inner
    return async batch => {
      const start = performance.now()
      const result = await inner(batch)
      steps.push({
        start,
        end: performance.now(),
        native: result.ms,
        tokens: batch.tokenIds.length,
      })
      return result
    }
  })
  const options = { maxSequences: sequences, maxContext: 512, kvPages: 16 * sequences }
  const model = await loadModel(folder, options)
  restore()
  const generate = async maxTokens => {
    const prompts = Array.from({ length: sequences }, (_, i) => randomIds(8, 1024, i + 1))
    steps.length = 0
    await Promise.all(prompts.map(ids => model.generate(ids, { ...greedy, maxTokens }).result()))
    return steps.filter(s => s.tokens === sequences)
  }
  return { generate, step, dispose: () => model.dispose() }
}

/**
 * The same decode step again and again: the promise's time less what the native side says it
 * worked.
 */
async function crossing({ step }, sequences, quick) {
  const batch = decodeBatch(sequences)
  const native = []
  const bench = new Bench({ time: quick ? 300 : 2000, warmupTime: 200 })
  const extra = []
  bench.add('step', async () => {
    const start = performance.now()
    const result = await step(batch)
    extra.push((performance.now() - start - result.ms) * 1000)
    native.push(result.ms * 1000)
  })
  await bench.run()
  const { latency } = bench.tasks[0].result
  return {
    what: `crossing, ${sequences} sequences`,
    model: 'tiny',
    value: median(extra),
    unit: 'µs',
    target: '≤ 10 µs',
    holds: median(extra) <= 10,
    note:
      `p90 ${quantile(extra, 0.9).toFixed(0)} µs; ` +
      `whole step ${(latency.p50 * 1000).toFixed(0)} µs, native ${median(native).toFixed(0)} µs`,
  }
}

/** Time between the end of a step and the start of the next one: deliver, schedule, build. */
async function javascript({ generate }, sequences) {
  await generate(100)
  const steps = await generate(400)
  const between = steps.slice(1).map((s, i) => (s.start - steps[i].end) * 1000)
  return {
    what: `JavaScript a step, ${sequences} sequences`,
    model: 'tiny',
    value: median(between),
    unit: 'µs',
    target: '≤ 200 µs',
    holds: median(between) <= 200,
    note: `p99 ${quantile(between, 0.99).toFixed(0)} µs over ${between.length} steps`,
  }
}

/** One token for each sequence, each on a page of its own, sampled by no one. */
function decodeBatch(sequences) {
  const each = value => Int32Array.from({ length: sequences }, (_, i) => value(i))
  return {
    tokenIds: each(i => i + 1),
    positions: each(() => 0),
    queryStarts: Int32Array.from({ length: sequences + 1 }, (_, i) => i),
    kvLengths: each(() => 1),
    pageTables: each(i => i),
    maxPages: 1,
    logitRows: each(i => i),
    samplers: each(() => -1),
    wantLogits: false,
  }
}
