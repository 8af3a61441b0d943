// The process that load.bench measures: load-child.mjs load|first FOLDER|default WEIGHTS
// STARTED_MS → one line of JSON.
import { readFileSync } from 'node:fs'
import { greedy, randomIds } from './measure.mjs'

const [task, folder, weights, started] = process.argv.slice(2)

/**
 * Bytes of a line of /proc/self/status: VmHWM is the highest resident size so far, mapped files
 * included.
 */
function statusBytes(key) {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
}

const { loadModel } = await import('../dist/index.mjs')
const emptyBytes = statusBytes('VmRSS')
const before = performance.now()
// KV pages are the caller's choice and not part of loading: few of them.
const few = task === 'load' ? { maxContext: 1024, kvPages: 32 } : {}
const model = await loadModel(folder === 'default' ? undefined : folder, { weights, ...few })
const loadMs = performance.now() - before
const out = {
  loadMs,
  emptyBytes,
  peakBytes: statusBytes('VmHWM'),
}
if (task === 'load') {
  // A mapped file only counts once it is read: one long prompt reads all of it.
  const ids = randomIds(512, model.info.vocabSize)
  await model.generate(ids, { ...greedy, maxTokens: 4 }).result()
  out.usedPeakBytes = statusBytes('VmHWM')
}
if (task === 'first') {
  const answer = model.chat
    ? model.chat([{ role: 'user', content: 'Hello!' }], { temperature: 0 })
    : model.generate('Hello!', { temperature: 0 })
  for await (const _ of answer) {
    out.firstTokenMs = performance.timeOrigin + performance.now() - Number(started)
    break
  }
}
console.log(JSON.stringify({ ...out, weightBytes: model.info.weightBytes }))
await model.dispose()
