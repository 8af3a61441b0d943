// A worker that goes through the phases of a model's life without end and says where it is.
import { parentPort } from 'node:worker_threads'
import { loadModel } from '../../../dist/index.mjs'
import { folder, longPrompt } from './model.mjs'

const enter = phase => parentPort.postMessage(phase)
for (;;) {
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
