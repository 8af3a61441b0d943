// The event loop of a process that sends 64 streams, token by token, to a client in another one.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createEngine, loadModel } from '../../dist/index.mjs'
import { calmly } from '../foreign.mjs'
import { greedy, randomIds } from '../measure.mjs'
import { ensureModel } from '../models.mjs'

const numStreams = 64
const numTokens = 48

/** A line of JSON a chunk, to whoever asks. */
function serve(engine, vocabSize) {
  let seed = 0
  return createServer(async (_, response) => {
    const ids = randomIds(32, vocabSize, ++seed)
    for await (const chunk of engine.generate(ids, { ...greedy, maxTokens: numTokens }))
      response.write(`${JSON.stringify(chunk)}\n`)
    response.end()
  }).listen(0)
}

async function measure(name, source) {
  const model = await loadModel(source, { maxContext: 512, kvPages: 8 * numStreams })
  const engine = await createEngine(model, { maxSequences: numStreams })
  const server = serve(engine, model.info.vocabSize)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  const client = fork(new URL('stream-client.mjs', import.meta.url), [url, String(numStreams)])
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  try {
    await once(client, 'message')
    const { value: bytes, foreign } = await calmly(async () => {
      histogram.enable()
      client.send('go')
      const [{ bytes }] = await once(client, 'message')
      histogram.disable()
      return bytes
    }, [client.pid])
    const at = p => Math.max(0, histogram.percentile(p) / 1e6 - 1)
    return {
      what: `event loop with ${numStreams} streams to another process, p99`,
      model: name,
      value: at(99),
      unit: 'ms',
      target: '≤ 10 ms',
      holds: at(99) <= 10,
      foreign,
      note: `p50 ${at(50).toFixed(2)}, max ${(histogram.max / 1e6 - 1).toFixed(1)} ms, ${bytes} bytes`,
    }
  } finally {
    client.kill()
    server.close()
    await engine.dispose()
    await model.dispose()
  }
}

export async function streams() {
  return [await measure('default', undefined), await measure('moe-s', ensureModel('moe-s'))]
}
