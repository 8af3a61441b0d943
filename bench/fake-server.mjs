// A server whose model costs nothing: what is left is the cost of serving. Engine, tokenizer,
// template and HTTP are the real ones. Prints its URL and ends with its parent.
import { createApp, listen } from '../dist/server.mjs'
import { internals, watchExecutors } from './internals.mjs'

const { native, loadModel } = await internals()
const token = 11

function fakeStep({ logitRows }) {
  const rows = logitRows.length
  return Promise.resolve({
    tokenIds: new Int32Array(rows).fill(token),
    status: new Int32Array(rows),
    logprobs: new Float32Array(rows),
    topIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
    topN: 0,
    logits: null,
    routes: null,
    hidden: null,
    ms: 0,
  })
}

watchExecutors(native(), executor => {
  Object.defineProperty(executor, 'step', { value: fakeStep })
  Object.defineProperty(executor, 'stepPacked', { value: undefined })
})

/** Node's own server with the same answer and nothing behind it: the most that there is. */
async function bare() {
  const { createServer } = await import('node:http')
  const answer = JSON.stringify({ choices: [{ message: { content: 'x'.repeat(400) } }] })
  const server = createServer((request, response) => {
    request.on('data', () => {})
    request.on('end', () => response.end(answer))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${server.address().port}`
}

async function whole() {
  const model = await loadModel(undefined, { threads: 1 })
  const app = createApp(model, { apiKeys: ['sk-bench'] })
  return (await listen(app, { port: 0, replaceGlobals: true })).url
}

process.stdout.write(`${await (process.argv[2] === 'bare' ? bare() : whole())}\n`)
process.on('disconnect', () => process.exit())
