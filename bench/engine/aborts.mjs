// How soon an abort is over: its answer ended and its pages free for others.
import { createEngine, loadModel } from '../../dist/index.mjs'
import { calmly } from '../foreign.mjs'
import { greedy, median, randomIds } from '../measure.mjs'
import { ensureModel } from '../models.mjs'

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Milliseconds until `answer` has ended and `engine` has no page in use but those of `others`. */
async function endOf(answer, controller, engine, others) {
  const start = performance.now()
  controller.abort()
  await answer.result()
  while (engine.stats().running + engine.stats().waiting > others) await pause(0)
  return performance.now() - start
}

/** What a request is doing when it is aborted: how many run beside it, and what is waited for. */
const states = [
  { name: 'waiting', neighbours: 2, prompt: 16, reach: () => pause(20) },
  { name: 'in a long chunk', neighbours: 0, prompt: 1900, reach: () => pause(60) },
  {
    name: 'decoding',
    neighbours: 1,
    prompt: 16,
    reach: async (_, stats) => {
      while (stats().generatedTokens < 8) await pause(1)
    },
  },
  {
    name: 'streaming to a reader who stopped',
    neighbours: 0,
    prompt: 16,
    reach: async answer => {
      await answer[Symbol.asyncIterator]().next()
      await pause(60)
    },
  },
]

async function one(model, { neighbours, prompt, reach }) {
  const engine = await createEngine(model, { maxSequences: 2, kvPages: 160 })
  const stop = new AbortController()
  const controller = new AbortController()
  const { vocabSize } = model.info
  const ask = (tokens, signal) =>
    engine.generate(randomIds(tokens, vocabSize, tokens), { ...greedy, maxTokens: 100, signal })
  try {
    const others = Array.from({ length: neighbours }, () => ask(16, stop.signal).result())
    await pause(0)
    const answer = ask(prompt, controller.signal)
    answer.result().catch(() => {})
    await reach(answer, () => engine.stats())
    const ms = await endOf(answer, controller, engine, neighbours)
    stop.abort()
    await Promise.all(others)
    return ms
  } finally {
    await engine.dispose()
  }
}

export async function aborts({ quick }) {
  const model = await loadModel(ensureModel('moe-s'), { maxContext: 2048, kvPages: 80 })
  const rows = []
  try {
    for (const state of states) {
      const { value: times, foreign } = await calmly(async () => {
        const times = []
        for (let i = 0; i < (quick ? 3 : 10); i++) times.push(await one(model, state))
        return times
      })
      const most = Math.max(...times)
      rows.push({
        what: `an abort while ${state.name}, longest`,
        model: 'moe-s',
        value: most,
        unit: 'ms',
        target: '≤ 100 ms',
        holds: most <= 100,
        foreign,
        note: `median ${median(times).toFixed(2)} of ${times.length}`,
      })
    }
    return rows
  } finally {
    await model.dispose()
  }
}
