// What is opt-in, or always on, costs: logits processors in JavaScript (fastest of five, in turns), and
// counting experts (many short pairs, so that what disturbs one disturbs the other).
import { createEngine, loadModel } from '../../dist/index.mjs'
import { calmly } from '../foreign.mjs'
import { greedy, median, quantile, randomIds } from '../measure.mjs'
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

/**
 * Milliseconds a step without and with what costs, and the share that it adds in the middle of all
 * pairs, with the interval that holds it in 95 of 100 such measurements (by drawing pairs anew).
 */
async function inPairs(without, plain, pairs) {
  const times = [[], []]
  for (let pair = 0; pair < pairs; pair++)
    // A B, B A, …: whoever goes second has no advantage.
    for (const which of pair % 2 === 0 ? [0, 1] : [1, 0])
      times[which].push(await (which === 0 ? without : plain)())
  const shares = times[0].map((ms, i) => (times[1][i] / ms - 1) * 100)
  let seed = 1
  const draw = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return shares[Math.floor((seed / 2 ** 32) * shares.length)]
  }
  const drawn = Array.from({ length: 1000 }, () => median(shares.map(draw)))
  return {
    share: median(shares),
    low: quantile(drawn, 0.025),
    high: quantile(drawn, 0.975),
    ms: times.map(median),
  }
}

async function measure(name, source, tokens, pairs) {
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
    [counted, {}],
    [counted, { logitsProcessor }],
    [counted, { routes: true }],
  ]
  try {
    const short = engine => () => stepMs(engine, vocabSize, Math.ceil(tokens / 8), {})
    const { value: counting, foreign: others } = await calmly(() =>
      inPairs(short(uncounted), short(counted), pairs),
    )
    const { share, low, high, ms } = counting
    const { value: times, foreign } = await calmly(async () => {
      const times = kinds.map(() => [])
      for (let round = 0; round < 5; round++)
        for (const [k, [engine, options]] of kinds.entries())
          times[k].push(await stepMs(engine, vocabSize, tokens, options))
      return times
    })
    const [plain, processed, traced] = times.map(each => Math.min(...each))
    const rest = { model: name, foreign }
    return [
      {
        what: 'counting experts, of a step of 8',
        value: share,
        unit: '%',
        target: '≤ 2 %',
        holds: share <= 2,
        model: name,
        foreign: others,
        note:
          `95 %: ${low.toFixed(2)} to ${high.toFixed(2)}, ${pairs} pairs; medians ` +
          `${ms[0].toFixed(3)} → ${ms[1].toFixed(3)} ms`,
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
    ...(await measure('default', undefined, quick ? 50 : 200, quick ? 40 : 200)),
    ...(await measure('moe-s', ensureModel('moe-s'), quick ? 6 : 24, quick ? 10 : 40)),
  ]
}
