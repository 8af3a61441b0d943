// What this machine can do at most, measured now on all threads: bytes read and bf16 flops a
// second.
import { cpus, totalmem } from 'node:os'
import { calmly, foreignCores } from './foreign.mjs'
import { internals } from './internals.mjs'

const repeat = 3
const labels = {
  readBytesPerSecond: 'read bandwidth',
  bf16FlopsPerSecond: 'bf16 peak',
  int8OpsPerSecond: 'int8 peak',
}

/**
 * { readBytesPerSecond, f32FlopsPerSecond, bf16FlopsPerSecond, int8OpsPerSecond }: the best of three
 * and of what was `known` before.
 */
export async function measureCeilings({ known = {}, busy = false } = {}) {
  const { native } = await internals()
  const best = { ...known }
  for (let i = 0; i < repeat; i++) {
    const { value } = await calmly(() => native().measure(busy ? 1 : 0))
    for (const [key, rate] of Object.entries(value)) best[key] = Math.max(best[key] ?? 0, rate)
  }
  // Where others run, no stretch of reading is undisturbed; arithmetic is tried in shorter ones.
  if (busy) delete best.readBytesPerSecond
  return best
}

/**
 * Rows with { rate, ceiling } get the fraction of that ceiling; `atLeast` is a target for the
 * fraction, `peerAtLeast` one for the ratio to the peer.
 */
export function addFractions(rows, ceilings) {
  for (const row of rows) {
    if (ceilings[row.ceiling] > 0) {
      row.fraction = row.rate / ceilings[row.ceiling]
      row.of = labels[row.ceiling]
    }
    const { atLeast, peerAtLeast } = row
    if (atLeast === undefined && peerAtLeast === undefined) continue
    row.target = [
      atLeast && `≥ ${Math.round(100 * atLeast)} %`,
      peerAtLeast && `≥ ${peerAtLeast} × the peer`,
    ]
      .filter(Boolean)
      .join(', ')
    row.holds = !(row.fraction < atLeast) && !(row.ratio < peerAtLeast)
  }
}

export async function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    foreign: await foreignCores(),
  }
}
