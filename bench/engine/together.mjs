// Conclave and node-llama-cpp with the same prompts at once, each with its own batching, in turns.
import { cpus } from 'node:os'
import { join } from 'node:path'
import { calmly } from '../foreign.mjs'
import { median, randomIds } from '../measure.mjs'
import { ensureModel, ggufFile } from '../models.mjs'
import { benchFolder } from '../paths.mjs'
import { ensurePeer } from '../peers/install.mjs'
import { Worker } from '../peers/worker.mjs'

const name = 'moe-s'
const vocabSize = 151936

async function withBoth(work) {
  const files = { ours: ensureModel(name), theirs: ggufFile(name) }
  const load = { ...files, threads: cpus().length, context: 2048 }
  const engines = [new Worker('conclave', join(benchFolder, 'peers/conclave.mjs'))]
  try {
    const module = await ensurePeer().catch(() => undefined)
    if (module !== undefined)
      engines.push(new Worker('node-llama-cpp', join(benchFolder, 'peers/node-llama-cpp.mjs')))
    for (const engine of engines) await engine.ask('load', { ...load, module })
    return await work(engines, load.threads)
  } finally {
    for (const engine of engines) engine.end()
  }
}

/** `rounds` of every engine in turn; for each engine its answers, and what others took. */
async function inTurns(engines, rounds, askOf) {
  const answers = engines.map(() => [])
  const pids = engines.map(engine => engine.pid)
  const { foreign } = await calmly(async () => {
    for (let round = 0; round < rounds; round++)
      for (const [i, engine] of engines.entries())
        answers[i].push(await engine.ask('together', askOf(round)))
  }, pids)
  return { answers, foreign }
}

/** 128 tokens in, 64 out: output tokens a second, prompts included. */
export function throughput({ quick }) {
  const counts = (process.env.CONCLAVE_BENCH_CONCURRENT ?? '1,8,32,64').split(',').map(Number)
  return withBoth(async (engines, threads) => {
    const rows = []
    for (const count of counts) {
      const askOf = round => ({
        prompts: Array.from({ length: count }, (_, i) =>
          randomIds(128, vocabSize, i + 1 + 100 * round),
        ),
        tokens: 64,
        context: 256,
        threads,
      })
      const { answers, foreign } = await inTurns(engines, quick ? 1 : 3, askOf)
      const [ours, theirs] = answers.map(a => median(a.map(r => (count * 64 * 1000) / r.totalMs)))
      rows.push({
        what: `output of ${count} requests at once, 128 in, 64 out`,
        model: name,
        value: ours,
        unit: 'tok/s',
        foreign,
        ...(theirs !== undefined && { peer: theirs, ratio: ours / theirs }),
        ...(count === 32 && { target: '≥ 5 × the peer', holds: ours >= 5 * theirs }),
      })
    }
    return rows
  })
}

/** 8 requests that begin with the same 1,024 tokens, which came before. */
export function sharedPrompt({ quick }) {
  const system = randomIds(1024, vocabSize, 77)
  const count = 8
  return withBoth(async (engines, threads) => {
    const askOf = round => ({
      prompts: Array.from({ length: count }, (_, i) => [
        ...system,
        ...randomIds(24, vocabSize, i + 1 + 100 * round),
      ]),
      tokens: 2,
      context: 1280,
      threads,
    })
    for (const engine of engines.slice(0, 1)) await engine.ask('together', askOf(50))
    const { answers, foreign } = await inTurns(engines, quick ? 1 : 3, askOf)
    const [ours, theirs] = answers.map(a => median(a.flatMap(r => r.first)))
    return [
      {
        what: `time to first token of ${count} requests after the same 1,024 tokens`,
        model: name,
        value: ours,
        unit: 'ms',
        foreign,
        ...(theirs !== undefined && { peer: theirs, ratio: theirs / ours }),
        target: '≤ 1/5 of the peer',
        holds: ours * 5 <= theirs,
      },
    ]
  })
}
