// Work of other programs on this machine: noise that a row has to admit.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Jiffies so far of [normal, low-priority] work of all cores; zeros where the system does not tell. */
function jiffies() {
  try {
    const [user, nice, system] = readFileSync('/proc/stat', 'utf8')
      .split('\n')[0]
      .split(/\s+/)
      .slice(1)
      .map(Number)
    return { normal: user + system, low: nice, at: performance.now() }
  } catch {
    return { normal: 0, low: 0, at: performance.now() }
  }
}

/** Busy cores over `ms` in which this program itself does nothing: { normal, low }, low = at low priority. */
export async function foreignCores(ms = 500) {
  const before = jiffies()
  await sleep(ms)
  const after = jiffies()
  const cores = key => (after[key] - before[key]) / 100 / ((after.at - before.at) / 1000)
  return { normal: cores('normal'), low: cores('low') }
}

const patience = Number(process.env.CONCLAVE_BENCH_WAIT ?? 0) * 1000
let waited = 0

/**
 * Waits until others take less than a tenth of a core at normal priority. CONCLAVE_BENCH_WAIT: the most seconds that a
 * whole run waits like this (default 0: it never does).
 */
export async function calm() {
  while (waited < patience) {
    const start = performance.now()
    const { normal } = await foreignCores(300)
    if (normal < 0.1) return
    await sleep(1000)
    waited += performance.now() - start
  }
}
