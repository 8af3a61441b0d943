// node --expose-gc cycles.mjs COUNT dispose|collect|forget: loads, asks and lets go, and says what stays.
// `forget` leaves models that have grown old, which V8 collects last, to V8.
import { setImmediate as tick } from 'node:timers/promises'
import { loadModel } from '../../../dist/index.mjs'
import { folder, golden, taken } from './model.mjs'

const count = Number(process.argv[2])
const way = process.argv[3]

async function cycle() {
  const model = await loadModel(folder, { maxContext: 1024, kvPages: way === 'forget' ? 2048 : 64 })
  const ids = await golden(model)
  if (way === 'forget') for (let i = 0; i < 2; i++) globalThis.gc({ type: 'minor' })
  if (way === 'dispose') await model.dispose()
  return ids
}

const answers = new Set()
const seen = []
for (let i = 0; i < count; i++) {
  answers.add(await cycle())
  await tick()
  if (way !== 'forget') globalThis.gc()
  await tick()
  seen.push(taken())
}
console.log(JSON.stringify({ answers: answers.size, seen }))
