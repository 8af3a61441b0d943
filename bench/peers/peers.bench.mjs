// Conclave and node-llama-cpp on the same bf16 weights, in turns on the same machine: A B A B …,
// medians.
import { readFileSync } from 'node:fs'
import { cpus, freemem } from 'node:os'
import { join } from 'node:path'
import { costsOf } from '../costs.mjs'
import { calmly } from '../foreign.mjs'
import { median, modeOf, randomIds, spread } from '../measure.mjs'
import { ensureModel, ggufFile } from '../models.mjs'
import { benchFolder } from '../paths.mjs'
import { shapes } from '../shapes.mjs'
import { ensurePeer } from './install.mjs'
import { compareGreedy } from './same-text.mjs'
import { Worker } from './worker.mjs'

const context = 1024
const gb = bytes => (bytes / 1e9).toFixed(0)

export async function run({ models, quick, busy }) {
  let module
  try {
    module = await ensurePeer()
  } catch (error) {
    return [
      {
        what: 'node-llama-cpp',
        value: Number.NaN,
        note: `skipped, not installed: ${error.message.split('\n')[0]}`,
      },
    ]
  }
  const rows = []
  for (const name of models.filter(m => shapes.has(m)))
    rows.push(...(await compare(name, module, { quick, busy })))
  return rows
}

async function compare(name, module, { quick, busy }) {
  const mode = modeOf(busy)
  const threads = mode.threads ?? cpus().length
  const folder = ensureModel(name)
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const need = 2.1 * costsOfFile(config)
  if (freemem() < need)
    return [
      {
        what: 'node-llama-cpp',
        model: name,
        value: Number.NaN,
        note: `skipped: needs ${gb(need)} GB free for both, ${gb(freemem())} GB are`,
      },
    ]
  const ours = new Worker('conclave', join(benchFolder, 'peers/conclave.mjs'))
  const theirs = new Worker('node-llama-cpp', join(benchFolder, 'peers/node-llama-cpp.mjs'))
  try {
    const load = { folder, module, gguf: ggufFile(name), threads, context }
    const loads = [await ours.ask('load', load), await theirs.ask('load', load)]
    const rows = [await compareGreedy(name, config, ours, theirs, quick)]
    const rounds = quick ? 2 : 7
    const ask = (task, i) => ({
      task,
      ids: randomIds(task === 'prefill' ? 512 : 128, config.vocab_size, i + 1),
      clock: mode.clock,
      tokens: 32,
    })
    for (const task of ['prefill', 'decode']) {
      const times = await takeTurns(ours, theirs, i => ask(task, i), rounds)
      rows.push(summarise(name, config, { task, mode, times }))
    }
    return [...rows, ...(await sizes(name, loads, ours, theirs))]
  } finally {
    ours.end()
    theirs.end()
  }
}

/** Milliseconds of both, the first round thrown away. */
async function takeTurns(ours, theirs, ask, rounds) {
  const times = [[], []]
  const pids = [ours.pid, theirs.pid]
  for (let i = -1; i < rounds; i++) {
    for (const [k, worker] of [ours, theirs].entries()) {
      const { task, ...message } = ask(i + 1)
      const { value, foreign } = await calmly(() => worker.ask(task, message), pids)
      if (i < 0) continue
      times[k].push(value)
      times.foreign = Math.max(times.foreign ?? 0, foreign)
    }
  }
  return times
}

function summarise(name, config, { task, mode, times }) {
  const { 0: ours, 1: theirs, foreign } = times
  const tokens = task === 'prefill' ? 512 : 1
  const rate = times => (tokens * 1000) / median(times)
  const cost = costsOf(config, { depth: 128, tokens: 512 })
  const ceiling =
    task === 'prefill'
      ? { rate: (cost.prefillFlops * 1000) / median(ours), ceiling: 'bf16FlopsPerSecond' }
      : { rate: cost.decodeBytes * rate(ours), ceiling: 'readBytesPerSecond' }
  const ratio = rate(ours) / rate(theirs)
  return {
    what: task === 'prefill' ? 'prefill 512' : 'decode after 128',
    model: name,
    value: rate(ours),
    unit: mode.unit,
    spread: spread(ours),
    ...ceiling,
    peer: rate(theirs),
    ratio,
    ...(task === 'prefill' && { target: '≥ 1 × node-llama-cpp', holds: ratio >= 1 }),
    foreign,
    note: `node-llama-cpp ± ${Math.round(100 * spread(theirs))} %, medians of ${ours.length}`,
  }
}

async function sizes(name, [ours, theirs], ...workers) {
  const [a, b] = [await workers[0].ask('rss'), await workers[1].ask('rss')]
  const pair = (what, value, peer, unit) => ({
    what,
    model: name,
    value,
    peer,
    ratio: value / peer,
    unit,
  })
  return [
    pair('load (once, file cache as it was)', ours.loadMs / 1000, theirs.loadMs / 1000, 's'),
    pair('peak RSS', a / 1e9, b / 1e9, 'GB'),
  ]
}

/** Bytes of all weights in bf16. */
function costsOfFile(c) {
  const experts = c.num_hidden_layers * c.num_experts * 3 * c.hidden_size * c.moe_intermediate_size
  return 2 * (experts + c.vocab_size * c.hidden_size * (c.tie_word_embeddings ? 1 : 2))
}
