// Work of other programs on this machine: noise that a row has to admit, and that a patient run
// waits out.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const acceptedCores = 0.15
const patienceMs = Number(process.env.CONCLAVE_BENCH_WAIT ?? 0) * 1000
let waitedMs = 0

/**
 * Ticks of 10 ms so far, of all cores: { normal, low } priority; zeros where the system does not
 * tell.
 */
function busyTicks() {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n')[0]
    const [user, nice, system] = line.split(/\s+/).slice(1).map(Number)
    return { normal: user + system, low: nice }
  } catch {
    return { normal: 0, low: 0 }
  }
}

/** Ticks of this process, of its children that have ended, and of the processes named. */
function ownTicks(pids) {
  let sum = 0
  for (const pid of ['self', ...pids]) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      for (const field of fields.slice(11, 15)) sum += Number(field)
    } catch {}
  }
  return sum
}

/** Call it at the end: { normal, low } cores that others took on the mean since now. */
export function watchForeign(pids = []) {
  const before = { ...busyTicks(), own: ownTicks(pids), at: performance.now() }
  return () => {
    const after = { ...busyTicks(), own: ownTicks(pids), at: performance.now() }
    const cores = ticks => Math.max(0, ticks / 100 / ((after.at - before.at) / 1000))
    return {
      normal: cores(after.normal - before.normal - (after.own - before.own)),
      low: cores(after.low - before.low),
    }
  }
}

/**
 * { value, foreign } of `work`, foreign = cores that others took meanwhile at normal priority.
 * While patience lasts
 * (CONCLAVE_BENCH_WAIT: the seconds that a whole run may wait, default 0), it waits for a quiet
 * moment and measures
 * again what was disturbed.
 */
export async function calmly(work, pids = []) {
  for (;;) {
    const start = performance.now()
    await quiet()
    const foreign = watchForeign(pids)
    const value = await work()
    const { normal } = foreign()
    if (normal <= acceptedCores || waitedMs >= patienceMs) return { value, foreign: normal }
    waitedMs += performance.now() - start
  }
}

async function quiet() {
  while (waitedMs < patienceMs) {
    const foreign = watchForeign()
    await sleep(250)
    if (foreign().normal <= acceptedCores) return
    await sleep(250)
    waitedMs += 500
  }
}

/** Cores that others take while this program does nothing. */
export async function foreignCores() {
  const foreign = watchForeign()
  await sleep(500)
  return foreign()
}
