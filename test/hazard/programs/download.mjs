// node download.mjs COUNT SEED: ends workers at random moments of a download from a server in here.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { taken } from './model.mjs'

const count = Number(process.argv[2])
let state = Number(process.argv[3])
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const commit = 'c0ffee'.padEnd(40, '0')
const hash = (kind, ...parts) => parts.reduce((h, p) => h.update(p), createHash(kind)).digest('hex')
const names = ['config.json', 'generation_config.json', 'tokenizer_config.json', 'tokenizer.json']
const files = new Map(names.map(name => [name, Buffer.from('{}')]))
files.set('model.safetensors', Buffer.alloc(4 << 20, 'weights '))

/** Told the name of each file that is asked for. */
let asked = () => {}
const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://x').pathname
  const name = path.split('/').at(-1)
  if (path.startsWith('/api/models/') && path.includes('/tree/')) {
    const list = [...files].map(([path, bytes]) => {
      const oid = hash('sha1', `blob ${bytes.length}\0`, bytes)
      const lfs = { oid: hash('sha256', bytes), size: bytes.length, pointerSize: 130 }
      const kind = path.endsWith('.safetensors') ? { lfs } : {}
      return { type: 'file', path, size: bytes.length, oid, ...kind }
    })
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(list))
  }
  if (path.startsWith('/api/models/'))
    return response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ id: 'tiny/model', _id: 'x', sha: commit, private: false }))
  const bytes = files.get(name)
  if (bytes === undefined) return response.writeHead(404).end()
  asked(name)
  // Large ones come slowly: most workers are ended inside of one.
  response.writeHead(200, { 'content-length': bytes.length })
  if (bytes.length < 1000) return response.end(bytes)
  let at = 0
  const timer = setInterval(() => {
    response.write(bytes.subarray(at, at + (1 << 16)))
    at += 1 << 16
    if (at < bytes.length) return
    clearInterval(timer)
    response.end()
  }, 2)
  response.on('close', () => clearInterval(timer))
})
await new Promise(done => server.listen(0, '127.0.0.1', done))
const hubUrl = `http://127.0.0.1:${server.address().port}`
const moments = {}

/**
 * Ends a worker a while after it asked for the file of that name; null: while a file is opened, when
 * the descriptor is there and the worker has not been given it.
 */
async function endOne(file, afterMs) {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'conclave-download-'))
  const worker = new Worker(new URL('./downloading.cjs', import.meta.url), {
    env: { ...process.env, HF_ENDPOINT: hubUrl, HF_HUB_CACHE: cacheFolder, HF_TOKEN: '' },
    workerData: { stopsAtOpen: file === null },
  })
  await new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', message =>
      file === null && message === 'opened' ? resolve() : reject(new Error(message)),
    )
    asked = name => name === file && resolve()
  })
  await delay(afterMs)
  await worker.terminate()
  const moment = file ?? 'open'
  moments[moment] = (moments[moment] ?? 0) + 1
  server.closeAllConnections()
  rmSync(cacheFolder, { recursive: true, force: true })
}

let before
for (let i = 0; i < count; i++) {
  // Half of them while small files are opened one after the other, half inside of the weights.
  await (i % 2 === 0
    ? endOne('config.json', random() * 20)
    : endOne('model.safetensors', random() * 60))
  if (i === 3) before = taken()
}
if (existsSync('/proc/self/fd')) for (let i = 0; i < 4; i++) await endOne(null, 0)
// Ends of connections that the server has yet to see.
await delay(500)
const after = taken()
server.close()
console.log(JSON.stringify({ moments, before, after }))
