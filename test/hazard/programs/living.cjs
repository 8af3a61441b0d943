// A worker that goes through the phases of a model's life without end and says where it is.
// In CommonJS: a file that node's own loader of ES modules is opening when a worker ends stays open.
const { parentPort, workerData } = require('node:worker_threads')
const { loadModel } = require('../../../dist/index.cjs')

const { folder, longPrompt } = workerData
const enter = phase => parentPort.postMessage(phase)

async function live() {
  enter('loading')
  const model = await loadModel(folder, { weights: 'bf16', onProgress: () => enter('loading') })
  enter('prefilling')
  let tokens = 0
  for await (const _ of model.generate(longPrompt, { maxTokens: 40, ignoreEos: true }))
    if (tokens++ === 0) enter('decoding')
  const cut = model.generate(longPrompt, { maxTokens: 9 }).result()
  enter('disposing')
  await model.dispose()
  await cut
}

async function liveOn() {
  for (;;) await live()
}
liveOn()
