// Fastest of five, in turns. What is opt-in, or always on, costs: logits processors in JavaScript, and counting experts.
import { createEngine, loadModel } from '../../dist/index.mjs'
import { calmly } from '../foreign.mjs'
import { greedy, randomIds } from '../measure.mjs'
import { ensureModel } from '../models.mjs'

const numStreams = 8

/** Milliseconds a step of `engine` in which all streams decode. */
async function stepMs(engine, vocabSize, tokens, options) {
  const start = performance.now()
  const answers = Array.from({ length: numStreams }, (_, i) =>
    engine.generate(randomIds(4, vocabSize, i + 1), { ...greedy, maxTokens: tokens, ...options }),
  )
  await Promise.all(answers.map(answer => answer.result()))
  return (performance.now() - start) / tokens
}

async function measure(name, source, tokens) {
  const model = await loadModel(source, { maxContext: 512, kvPages: 16 * numStreams })
  const [counted, uncounted] = await Promise.all([
    createEngine(model, { maxSequences: numStreams }),
    createEngine(model, { maxSequences: numStreams, expertCounts: false }),
  ])
  const { vocabSize } = model.info
  const logitsProcessor = logits => {
    logits[1] -= 1
  }
  const kinds = [
    [uncounted, {}],
    [counted, {}],
    [counted, { logitsProcessor }],
    [counted, { routes: true }],
  ]
  try {
    const { value: times, foreign } = await calmly(async () => {
      const times = kinds.map(() => [])
      for (let round = 0; round < 5; round++)
        for (const [k, [engine, options]] of kinds.entries())
          times[k].push(await stepMs(engine, vocabSize, tokens, options))
      return times
    })
    const [without, plain, processed, traced] = times.map(each => Math.min(...each))
    const rest = { model: name, foreign }
    const share = (plain / without - 1) * 100
    return [
      {
        what: 'counting experts, of a step of 8',
        value: share,
        unit: '%',
        target: '≤ 2 %',
        holds: share <= 2,
        note: `${without.toFixed(3)} → ${plain.toFixed(3)} ms`,
        ...rest,
      },
      {
        what: 'a logits processor for each of 8, a step',
        value: (processed - plain) * 1000,
        unit: 'µs',
        note: `${plain.toFixed(3)} → ${processed.toFixed(3)} ms, vocabulary ${vocabSize}`,
        ...rest,
      },
      {
        what: 'tracing the routes of 8, a step',
        value: (traced - plain) * 1000,
        unit: 'µs',
        ...rest,
      },
    ]
  } finally {
    await model.dispose()
  }
}

export async function costs({ quick }) {
  return [
    ...(await measure('default', undefined, quick ? 50 : 200)),
    ...(await measure('moe-s', ensureModel('moe-s'), quick ? 6 : 24)),
  ]
}
