// Loading: time, and the most memory it took against what stays; from process start to the first
// token.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { calmly } from './foreign.mjs'
import { median, spread } from './measure.mjs'
import { folderOf } from './models.mjs'
import { benchFolder, hasDefaultModel } from './paths.mjs'

const exec = promisify(execFile)

/** One load in a process of its own. */
async function child(...args) {
  const { value, foreign } = await calmly(() => spawn(args))
  return { ...value, foreign }
}

async function spawn(args) {
  const started = performance.timeOrigin + performance.now()
  const file = join(benchFolder, 'load-child.mjs')
  const { stdout } = await exec(process.execPath, [file, ...args, String(started)])
  return JSON.parse(stdout)
}

export async function run({ models, quick }) {
  const rows = []
  for (const name of models) {
    rows.push(...(await measureLoad(name, 'auto', quick ? 1 : 5)))
    if (name === 'moe-s') rows.push(...(await measureLoad(name, 'int8', quick ? 1 : 3)))
    if (name === 'moe-s' && !quick) rows.push(...(await measureLoad(name, 'f32', 3)))
  }
  if (hasDefaultModel()) rows.push(await firstToken(quick ? 3 : 9))
  return rows
}

async function measureLoad(name, weights, repeat) {
  const runs = []
  for (let i = 0; i < repeat; i++) runs.push(await child('load', folderOf(name), weights))
  const ms = runs.map(r => r.loadMs)
  const memory = { name, weights, resident: runs[0].weightBytes, empty: runs[0].emptyBytes }
  const most = key => Math.max(...runs.map(r => r[key]))
  return [
    {
      what: `load, weights ${weights}`,
      model: name,
      value: median(ms) / 1000,
      unit: 's',
      spread: spread(ms),
      foreign: Math.max(...runs.map(r => r.foreign)),
      note: `file cache warm, median of ${repeat}`,
    },
    peak('peak RSS, loading', most('peakBytes'), memory),
    peak('peak RSS, loading and 512 tokens', most('usedPeakBytes'), memory),
  ]
}

function peak(what, bytes, { name, weights, resident, empty }) {
  const limit = resident * 1.15 + 200e6
  return {
    what: `${what}, weights ${weights}`,
    model: name,
    value: bytes / 1e9,
    unit: 'GB',
    target: `≤ ${(limit / 1e9).toFixed(2)} GB`,
    holds: bytes <= limit,
    note:
      `resident weights ${(resident / 1e9).toFixed(2)} GB; ` +
      `the process has ${(empty / 1e6).toFixed(0)} MB before`,
  }
}

async function firstToken(repeat) {
  const runs = []
  for (let i = 0; i < repeat; i++) runs.push(await child('first', 'default', 'auto'))
  const ms = runs.map(r => r.firstTokenMs)
  return {
    what: 'process start to first token',
    model: 'default',
    value: median(ms),
    unit: 'ms',
    spread: spread(ms),
    foreign: Math.max(...runs.map(r => r.foreign)),
    note: `median of ${repeat}; loading ${median(runs.map(r => r.loadMs)).toFixed(0)} ms of it`,
  }
}
