// What this machine can do at most, measured now: bytes read and bf16 flops a second over all threads.
import { cpus, loadavg, totalmem } from 'node:os'
import { internals } from './internals.mjs'

let measured

/** { readBytesPerSecond, bf16FlopsPerSecond, … }; a number that cannot be measured is undefined, never a guess. */
export async function ceilings() {
  measured ??= await measure()
  return measured
}

async function measure() {
  const { native } = await internals()
  const addon = native()
  return typeof addon.measure === 'function' ? await addon.measure() : {}
}

/** Fraction of a ceiling as a part of a row; nothing where the ceiling is not known. */
export const fractionOf = (value, ceiling, name) =>
  ceiling > 0 ? { fraction: value / ceiling, of: name } : {}

export async function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    loadAverage: loadavg()[0],
    ...(await ceilings()),
  }
}
