// Eight workers on one model; each leaves in its own way while the others decode.
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { loadModel } from '../../../dist/index.mjs'
import { folder, golden, longPrompt } from './model.mjs'

const ways = ['return', 'throw', 'exit', 'terminate', 'dispose', 'exit-in-load', 'throw', 'return']

async function work(way) {
  const onProgress = () => {
    if (way === 'exit-in-load') process.exit(3)
  }
  const model = await loadModel(folder, { threads: 1, weights: 'bf16', onProgress })
  do {
    const answer = model.generate(longPrompt.slice(0, 500), { maxTokens: 60, ignoreEos: true })
    for await (const _ of answer) {
      parentPort.postMessage('decoding')
      if (way === 'exit') process.exit(3)
      if (way === 'throw') throw new Error('thrown on purpose')
      if (way === 'return') return
      if (way === 'dispose') await model.dispose()
    }
  } while (way === 'terminate') // however fast its answers are, it is met at work
}

function watch(way) {
  const worker = new Worker(new URL(import.meta.url), { workerData: way })
  return new Promise(resolve => {
    let error = ''
    worker.on('error', e => {
      error = e.message
    })
    worker.on('exit', code => resolve([way, code, error].join(' ').trim()))
    if (way === 'terminate')
      worker.once('message', async () => {
        await delay(5)
        await worker.terminate()
      })
  })
}

if (!isMainThread) {
  await work(workerData)
} else {
  const model = await loadModel(folder)
  const expected = await golden(model)
  const exits = await Promise.all(ways.map(watch))
  console.log(JSON.stringify({ exits, same: (await golden(model)) === expected }))
}
