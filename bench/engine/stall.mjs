// How long streams wait for their next token while a long prompt is read.
import { createEngine, loadModel } from '../../dist/index.mjs'
import { calmly } from '../foreign.mjs'
import { greedy, median, quantile, randomIds } from '../measure.mjs'
import { ensureModel } from '../models.mjs'

const numStreams = 8

export async function stall({ quick }) {
  const promptTokens = Number(process.env.CONCLAVE_BENCH_PROMPT ?? (quick ? 2000 : 16_000))
  const model = await loadModel(ensureModel('moe-s'), { maxContext: 20_000 })
  const engine = await createEngine(model, { maxSequences: 16, kvPages: 1200 })
  const controller = new AbortController()
  const gaps = []
  const stream = async seed => {
    const ids = randomIds(64, model.info.vocabSize, seed)
    const options = { ...greedy, maxTokens: 2000, signal: controller.signal }
    let last
    for await (const _ of engine.generate(ids, options)) {
      const now = performance.now()
      if (last !== undefined) gaps.push(now - last)
      last = now
    }
  }
  try {
    const all = Array.from({ length: numStreams }, (_, i) => stream(i + 1))
    while (gaps.length < 10 * numStreams) await new Promise(resolve => setTimeout(resolve, 50))
    gaps.length = 0
    while (gaps.length < 40 * numStreams) await new Promise(resolve => setTimeout(resolve, 50))
    const before = gaps.splice(0)
    const { value: result, foreign } = await calmly(() =>
      engine
        .generate(randomIds(promptTokens, model.info.vocabSize, 99), { ...greedy, maxTokens: 1 })
        .result(),
    )
    const during = gaps.splice(0)
    controller.abort()
    await Promise.all(all)
    const [alone, mixed] = [before, during].map(g => quantile(g, 0.99))
    return [
      {
        what: `token gap of ${numStreams} streams while ${promptTokens} tokens are read, p99`,
        model: 'moe-s',
        value: mixed,
        unit: 'ms',
        foreign,
        target: '≤ 2 × without',
        holds: mixed <= 2 * alone,
        note:
          `without: p99 ${alone.toFixed(0)}, median ${median(before).toFixed(0)} ms; with: median ` +
          `${median(during).toFixed(0)} ms; the prompt took ${(result.timings.prefillMs / 1000).toFixed(1)} s`,
      },
    ]
  } finally {
    await engine.dispose()
    await model.dispose()
  }
}
