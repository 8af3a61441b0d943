// node phases.mjs PHASE WAY: enters a phase of a model's life and leaves the process there.
import { loadModel } from '../../../dist/index.mjs'
import { folder, longPrompt } from './model.mjs'

const [phase, way] = process.argv.slice(2)
const endless = { maxTokens: 400, ignoreEos: true, temperature: 0 }
let left = false

const ways = {
  return: () => {},
  throw: () =>
    setImmediate(() => {
      throw new Error('thrown on purpose')
    }),
  exit: () => process.exit(7),
  handled: () => {
    process.on('SIGTERM', () => process.exit(143))
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => {}, 10_000) // until the handler was called
  },
}

function leave() {
  if (left) return
  left = true
  console.log('now')
  if (way in ways) ways[way]()
  else process.kill(process.pid, way)
}

const phases = {
  async loading() {
    await loadModel(folder, { weights: 'bf16', validate: true, onProgress: leave })
    leave()
  },
  async prefilling() {
    const model = await loadModel(folder)
    const answer = model.generate(longPrompt, endless).result()
    setTimeout(leave, 3)
    await answer
  },
  async decoding() {
    const model = await loadModel(folder)
    for await (const _ of model.generate([1, 2, 3], endless)) leave()
  },
  async disposing() {
    const model = await loadModel(folder)
    const answer = model.generate(longPrompt, endless)
    const result = answer.result()
    setTimeout(() => {
      model.dispose()
      leave()
    }, 3)
    await result
  },
  async idle() {
    const model = await loadModel(folder)
    await model.generate([1, 2, 3], { ...endless, maxTokens: 3 }).result()
    leave()
  },
}
await phases[phase]()
