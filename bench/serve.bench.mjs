// Requests a second that the server itself can take, with a model that costs nothing: chats of one
// token over 64 connections, from a client of raw sockets on the same machine, which is a process of
// its own: 2 cores are shared by both. Beside the rate, the processor time of a request that the
// server's main thread took, and its whole process (garbage is collected beside); none of the
// client's is in it. On a busy machine that says more.
// node bench/serve.bench.mjs [--seconds 10] [--connections 64] [--stream] [--kind whole|alone|bare]
// whole: real engine, tokenizer and template; alone: lib/server over an engine that answers at once;
// bare: Node's own server with the same answer and nothing behind it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchFolder } from './paths.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '64' },
    stream: { type: 'boolean', default: false },
    kind: { type: 'string', default: 'whole' },
  },
})

const stdio = ['ignore', 'pipe', 'inherit', 'ipc']
const server = fork(join(benchFolder, 'fake-server.mjs'), [values.kind], { stdio })
const { hostname, port } = new URL(String((await once(server.stdout, 'data'))[0]).trim())
const body = JSON.stringify({
  model: 'conclave',
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  max_tokens: 1,
  stream: values.stream,
})
const request = Buffer.from(
  `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
    'Authorization: Bearer sk-bench\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${body.length}\r\n\r\n${body}`,
)
const latencies = []
let refused = 0
let measuring = false
let over = false

/** One connection that asks again as soon as it is answered. */
function client() {
  const socket = connect(Number(port), hostname)
  socket.setNoDelay()
  let sent = 0
  let pending = ''
  const ask = () => {
    pending = ''
    sent = performance.now()
    if (!over) socket.write(request)
  }
  socket.on('connect', ask)
  // What is cut is not counted.
  socket.on('error', () => {})
  socket.on('data', data => {
    pending += data.latin1Slice()
    const head = pending.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = /content-length: (\d+)/i.exec(pending.slice(0, head))
    const isWhole = length
      ? pending.length >= head + 4 + Number(length[1])
      : pending.endsWith('0\r\n\r\n')
    if (!isWhole) return
    if (!pending.startsWith('HTTP/1.1 200')) refused++
    else if (measuring) latencies.push(performance.now() - sent)
    ask()
  })
  return socket
}

const sockets = Array.from({ length: Number(values.connections) }, client)
/** Microseconds that the server's main thread and all its threads have run; 0 where there is no /proc. */
function serverUs() {
  try {
    const tasks = readdirSync(`/proc/${server.pid}/task`).map(Number)
    const us = id =>
      Number(readFileSync(`/proc/${server.pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1000
    return { main: us(server.pid), all: tasks.reduce((sum, id) => sum + us(id), 0) }
  } catch {
    return { main: 0, all: 0 }
  }
}

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
// Until all connections are taken and the code is compiled.
await pause(4000)
measuring = true
const start = performance.now()
const before = serverUs()
await pause(Number(values.seconds) * 1000)
const seconds = (performance.now() - start) / 1000
const after = serverUs()
const us = name => ((after[name] - before[name]) / latencies.length).toFixed(0)
over = true
latencies.sort((a, b) => a - b)
const at = share => latencies[Math.floor(share * (latencies.length - 1))]?.toFixed(2)
console.log(
  `${(latencies.length / seconds).toFixed(0)} requests/s, ${refused} refused; ` +
    `${us('main')} us of the server's main thread each, ${us('all')} of its process; latency p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`,
)
for (const socket of sockets) socket.destroy()
server.disconnect()
