// Conclave and node-llama-cpp on the same weights, in turns on the same machine: A B A B …, medians.
// npm run bench -- peers [--models moe-s,moe-m] [--weights bf16,int8]; int8: both open one Q8_0 file.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { cpus, freemem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { costsOf } from '../costs.mjs'
import { calmly } from '../foreign.mjs'
import { median, modeOf, randomIds, spread } from '../measure.mjs'
import { ensureModel, ggufFile } from '../models.mjs'
import { benchFolder, commandFile } from '../paths.mjs'
import { shapes } from '../shapes.mjs'
import { ensurePeer } from './install.mjs'
import { compareGreedy } from './same-text.mjs'
import { Worker } from './worker.mjs'

const context = 1024
const promptTokens = 128
const gb = bytes => (bytes / 1e9).toFixed(0)

/**
 * Bytes of a weight, and what is asked of each row: the part of the ceiling, and the times the peer's
 * speed, by model.
 */
const formats = {
  bf16: {
    weightBytes: 2,
    peak: 'bf16FlopsPerSecond',
    batches: [1],
    goals: {
      prefill: { share: { 'moe-s': 0.6, 'moe-m': 0.6 }, peer: { 'moe-s': 1, 'moe-m': 1 } },
      1: { share: { 'moe-s': 0.85, 'moe-m': 0.85 }, peer: {} },
    },
  },
  int8: {
    weightBytes: 34 / 32,
    peak: 'int8OpsPerSecond',
    batches: [1, 8, 32],
    goals: {
      prefill: { share: { 'moe-s': 0.6, 'moe-m': 0.6 }, peer: { 'moe-s': 5, 'moe-m': 4.5 } },
      1: { share: { 'moe-s': 0.85, 'moe-m': 0.88 }, peer: { 'moe-s': 2.2, 'moe-m': 1.7 } },
      8: { share: { 'moe-s': 0.65, 'moe-m': 0.65 }, peer: { 'moe-s': 3.5, 'moe-m': 2.7 } },
      32: { share: { 'moe-s': 0.5, 'moe-m': 0.6 }, peer: { 'moe-s': 6, 'moe-m': 5 } },
    },
  },
}

export async function run({ models, weights = ['bf16'], quick, busy }) {
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
    for (const format of weights)
      rows.push(...(await compare({ name, format, module, quick, busy })))
  return rows
}

/** The files of both sides: the checkpoint and its copy in bf16, or one Q8_0 file of our writing. */
async function filesOf(name, format) {
  const folder = ensureModel(name)
  if (format === 'bf16') return { ours: folder, theirs: ggufFile(name) }
  const file = ggufFile(`${name}-q8_0`)
  if (!existsSync(file)) {
    const args = ['quantize', ggufFile(name), file, '--format', 'gguf']
    await promisify(execFile)(process.execPath, [commandFile, ...args])
  }
  return { ours: file, theirs: file }
}

async function compare({ name, format, module, quick, busy }) {
  const mode = modeOf(busy)
  const threads = mode.threads ?? cpus().length
  const files = await filesOf(name, format)
  const config = JSON.parse(readFileSync(join(ensureModel(name), 'config.json'), 'utf8'))
  const fileBytes = statSync(files.theirs).size
  const need = 2.1 * fileBytes
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
  const both = [ours, theirs]
  const setting = { name: `${name} ${format}`, model: name, config, mode, ...formats[format] }
  try {
    const load = { ...files, module, threads, context }
    const loads = [[], []]
    for (let i = 0; i < (quick ? 1 : 5); i++)
      for (const [k, worker] of both.entries())
        loads[k].push((await worker.ask('load', load)).loadMs)
    const rows = [await compareGreedy(setting.name, config, ours, theirs, quick)]
    const rounds = quick ? 2 : 7
    const ids = (count, seed) => randomIds(count, config.vocab_size, seed)
    const prefill = await takeTurns(both, rounds, i => [
      'prefill',
      { ids: ids(512, i + 1), clock: mode.clock },
    ])
    rows.push(prefillRow(setting, prefill))
    for (const batch of setting.batches) {
      const prompts = Array.from({ length: batch }, (_, i) => ids(promptTokens, i + 1))
      const ask = { prompts, tokens: 24, threads, clock: mode.clock }
      const times = await takeTurns(both, quick ? 2 : 5, () => ['decode', ask])
      rows.push(decodeRow(setting, batch, times))
    }
    return [...rows, ...(await sizes(setting, loads, both, fileBytes))]
  } finally {
    for (const worker of both) worker.end()
  }
}

/** Milliseconds of both, the first round thrown away. */
async function takeTurns(both, rounds, ask) {
  const times = [[], []]
  const pids = both.map(worker => worker.pid)
  for (let i = -1; i < rounds; i++) {
    for (const [k, worker] of both.entries()) {
      const { value, foreign } = await calmly(() => worker.ask(...ask(i + 1)), pids)
      if (i < 0) continue
      times[k].push(value)
      times.foreign = Math.max(times.foreign ?? 0, foreign)
    }
  }
  return times
}

function prefillRow(setting, times) {
  const { prefillFlops } = costsOf(setting.config, { depth: promptTokens, tokens: 512 })
  return compared(setting, 'prefill', times, {
    what: 'prefill 512',
    tokens: 512,
    rate: (prefillFlops * 1000) / median(times[0]),
    ceiling: setting.peak,
  })
}

function decodeRow(setting, batch, times) {
  const { weightBytes } = setting
  const { decodeBytes } = costsOf(setting.config, { depth: promptTokens, weightBytes, batch })
  return compared(setting, batch, times, {
    what: `decode after ${promptTokens}, batch ${batch}`,
    tokens: batch,
    rate: (decodeBytes * 1000) / median(times[0]),
    ceiling: 'readBytesPerSecond',
  })
}

function compared({ name, model, mode, goals }, goal, times, { tokens, ...row }) {
  const { 0: ours, 1: theirs, foreign } = times
  const rate = times => (tokens * 1000) / median(times)
  const ratio = rate(ours) / rate(theirs)
  const { share, peer } = goals[goal] ?? { share: {}, peer: {} }
  return {
    model: name,
    value: rate(ours),
    unit: mode.unit,
    spread: spread(ours),
    ...row,
    peer: rate(theirs),
    ratio,
    atLeast: share[model],
    peerAtLeast: peer[model],
    foreign,
    note: `node-llama-cpp ± ${Math.round(100 * spread(theirs))} %, medians of ${ours.length}`,
  }
}

/** Tokens whose keys and values have room: the model's own, and the eight pages of each answer. */
const tokensHeld = batches => context + batches.reduce((sum, batch) => sum + batch * 8 * 32, 0)

async function sizes({ name, config, weightBytes, batches }, loads, both, fileBytes) {
  const [a, b] = [await both[0].ask('rss'), await both[1].ask('rss')]
  const pair = (what, value, peer, row) => ({
    what,
    model: name,
    value,
    peer,
    ratio: value / peer,
    ...row,
  })
  const seconds = loads.map(times => median(times) / 1000)
  const { allBytes, kvBytesPerToken } = costsOf(config, { weightBytes })
  const needed = allBytes + kvBytesPerToken * tokensHeld(batches)
  return [
    pair('load, file cache warm', ...seconds, {
      unit: 's',
      rate: fileBytes / seconds[0],
      ceiling: 'readBytesPerSecond',
      note: `medians of ${loads[0].length}; ours from ${(Math.min(...loads[0]) / 1000).toFixed(2)} s`,
    }),
    pair('peak RSS', a / 1e9, b / 1e9, {
      unit: 'GB',
      note: `${(a / needed).toFixed(2)} × weights and keys and values, ${(needed / 1e9).toFixed(2)} GB`,
    }),
  ]
}
