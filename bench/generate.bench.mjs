// Speed of one request: prefill of 512 tokens, decode after 0, 2,048 and 4,096 (or --depths), as
// fractions of this machine's ceilings. --weights: a format, or several.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { costsOf } from './costs.mjs'
import { calmly } from './foreign.mjs'
import { clocks, decodeRates, median, modeOf, prefillMs, spread } from './measure.mjs'
import { folderOf } from './models.mjs'
import { liveExperts } from './routing.mjs'

const prefillTokens = 512
/** Bytes of a weight; all others have two. */
const bytesOf = { f32: 4, int8: 8.5 / 8 }

export async function run({ models, loadModel, quick, busy, weights = ['auto'], depths }) {
  const rows = []
  for (const name of models)
    for (const format of weights)
      rows.push(...(await measureModel(name, loadModel, { quick, busy, format, depths })))
  return rows
}

async function measureModel(name, loadModel, { quick, busy, format, depths }) {
  const mode = modeOf(busy)
  const chosen = depths ?? (quick ? [0] : [0, 2048, 4096])
  const folder = folderOf(name)
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const model = await loadModel(folder, {
    weights: format,
    maxContext: Math.min(Math.max(prefillTokens, ...chosen) + 512, config.max_position_embeddings),
    threads: mode.threads,
    prefixCache: false, // a prompt that is measured again must be read again
  })
  const weightBytes = bytesOf[format] ?? 2
  const label = format === 'auto' ? name : `${name} ${format}`
  const rows = []
  try {
    await prefillMs(model, prefillTokens, { seed: 99 })
    rows.push(await prefill(label, model, config, { repeat: quick ? 3 : 7, mode }))
    for (const depth of chosen)
      if (depth + 200 < model.info.maxContext)
        rows.push(await decode(label, model, config, { depth, mode, weightBytes }))
  } finally {
    await model.dispose()
  }
  if (!quick && config.num_experts > 16) rows.push(await routing(name, folder, config))
  return rows
}

async function prefill(name, model, config, { repeat, mode }) {
  const clock = clocks[mode.clock]
  const ms = []
  const others = []
  for (let i = 0; i < repeat; i++) {
    const { value, foreign } = await calmly(() =>
      prefillMs(model, prefillTokens, { seed: i + 1, clock }),
    )
    ms.push(value)
    others.push(foreign)
  }
  const flopsPerSecond =
    (costsOf(config, { tokens: prefillTokens }).prefillFlops * 1000) / median(ms)
  return {
    what: `prefill ${prefillTokens}`,
    model: name,
    value: (prefillTokens * 1000) / median(ms),
    unit: mode.unit,
    spread: spread(ms),
    rate: flopsPerSecond,
    ceiling: 'bf16FlopsPerSecond',
    foreign: Math.max(...others),
    note: `${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s, median of ${repeat}`,
  }
}

async function decode(name, model, config, { depth, mode, weightBytes }) {
  const clock = clocks[mode.clock]
  const { value: rates, foreign } = await calmly(() => decodeRates(model, depth, { clock }))
  const { decodeBytes } = costsOf(config, { depth, weightBytes })
  const bytesPerSecond = median(rates) * decodeBytes
  const limited = depth === 0 && !name.startsWith('default') && mode.clock === 'wall'
  return {
    what: `decode after ${depth}`,
    model: name,
    value: median(rates),
    unit: mode.unit,
    spread: spread(rates),
    rate: bytesPerSecond,
    ceiling: 'readBytesPerSecond',
    ...(limited && { target: '≥ 60 % of bandwidth', atLeast: 0.6 }),
    foreign,
    note: `${(decodeBytes / 1e6).toFixed(0)} MB a token, ${(bytesPerSecond / 1e9).toFixed(1)} GB/s`,
  }
}

async function routing(name, folder, config) {
  const live = await liveExperts(folder, 32)
  return {
    what: 'experts live in a batch of 32',
    model: name,
    value: live.least,
    unit: `of ${config.num_experts} (the least of all layers)`,
    fraction: live.mean / config.num_experts,
    of: 'experts, mean of all layers',
    note: `draws at random would give ${live.expected.toFixed(1)}`,
  }
}
