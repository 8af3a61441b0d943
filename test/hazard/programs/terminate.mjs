// node terminate.mjs COUNT SEED: ends workers at random moments of a model's life.
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { loadModel } from '../../../dist/index.mjs'
import { folder, golden, longPrompt, taken } from './model.mjs'

const count = Number(process.argv[2])
let state = Number(process.argv[3])
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const phases = ['starting', 'loading', 'prefilling', 'decoding', 'disposing']
const model = await loadModel(folder)
const expected = await golden(model)
const ended = {}

/** One worker that takes longer hangs, and where is said; many on a busy machine are only slow. */
const patienceMs = 120_000

async function endOne(i, afterMs) {
  const target = phases[i % phases.length]
  const worker = new Worker(new URL('./living.cjs', import.meta.url), {
    workerData: { folder, longPrompt },
  })
  let phase = 'starting'
  const hung = setTimeout(() => {
    console.error(`worker ${i}, to be ended while ${target}, hangs while ${phase}`)
    process.exit(9)
  }, patienceMs)
  await new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', message => {
      phase = message
      if (message === target) resolve()
    })
    if (target === 'starting') resolve()
  })
  await delay(afterMs)
  await worker.terminate()
  clearTimeout(hung)
  ended[phase] = (ended[phase] ?? 0) + 1
}

let before
for (let i = 0; i < count; i++) {
  await endOne(i, random() * (i % 5 === 0 ? 150 : 12))
  if (i === 9) before = taken()
}
const same = (await golden(model)) === expected
console.log(JSON.stringify({ ended, same, before, after: taken() }))
