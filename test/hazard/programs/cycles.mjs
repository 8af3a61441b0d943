// node --expose-gc cycles.mjs COUNT dispose|collect: loads, asks and lets go, and says what stays.
import { setImmediate as tick } from 'node:timers/promises'
import { loadModel } from '../../../dist/index.mjs'
import { folder, golden, taken } from './model.mjs'

const count = Number(process.argv[2])
const disposes = process.argv[3] === 'dispose'

async function cycle() {
  const model = await loadModel(folder, { maxContext: 1024 })
  const ids = await golden(model)
  if (disposes) await model.dispose()
  return ids
}

const answers = new Set()
const seen = []
for (let i = 0; i < count; i++) {
  answers.add(await cycle())
  await tick()
  globalThis.gc()
  await tick()
  seen.push(taken())
}
console.log(JSON.stringify({ answers: answers.size, seen }))
