// A server whose model costs nothing: what is left is the cost of serving. 'whole': engine, tokenizer,
// template and HTTP are the real ones; 'alone': lib/server over an engine that answers at once; 'bare':
// Node's own server. Prints its URL and ends with its parent.
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

const serve = async model => {
  const app = createApp(model, { apiKeys: ['sk-bench'] })
  return (await listen(app, { port: 0, replaceGlobals: true })).url
}

const whole = async () => serve(await loadModel(undefined, { threads: 1 }))

/** What lib/server needs of a model, at no cost. */
async function alone() {
  const usage = { promptTokens: 16, completionTokens: 1, cachedTokens: 0 }
  const timings = { prefillMs: 0, decodeMs: 0, tokensPerSecond: 0, timeToFirstTokenMs: 0 }
  const answer = { text: 'x', tokenIds: [token] }
  const result = { ...answer, finishReason: 'length', usage, timings, seed: 1 }
  const generation = {
    started: () => Promise.resolve(),
    stop: () => {},
    result: () => Promise.resolve(result),
    async *[Symbol.asyncIterator]() {
      yield answer
    },
  }
  const ids = Uint32Array.from({ length: usage.promptTokens }, () => token)
  const tokenizer = {
    prepareChat: () => Promise.resolve({ text: '', ids }),
    replyStyle: () => ({ format: 'plain', thinking: 'off' }),
  }
  return serve({
    maxContext: 2048,
    vocabSize: 4096,
    tokenizer,
    engine: { generate: () => generation },
  })
}

const kinds = { whole, alone, bare }
process.stdout.write(`${await kinds[process.argv[2]]()}\n`)
process.on('disconnect', () => process.exit())
