// What hostile clients cost the others: a chat of 32 tokens every 200 ms, alone and beside each of
//   headers, body, read   1,000 connections of slowhttptest (Debian's package) in that mode
//   streams, stalled      64 streams of 1,000 tokens, read and unread
//   flood                 10,000 chats in two seconds: each must get 200, 429 or 503
//   tenant                the same of another key
// Prints a row for each; exit code 1 where a healthy chat failed or the flood got another answer.
// node bench/serve-hostile.mjs [--seconds 20] [--only alone,headers]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { projectFolder } from './paths.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: 'alone,headers,body,read,streams,stalled,flood,tenant' },
  },
})
const seconds = Number(values.seconds)

async function start(...flags) {
  const command = [join(projectFolder, 'dist/cli.mjs'), 'serve', '--port', '0', '--json']
  const args = [...command, '--log-level', 'error', ...flags]
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return { server, ...JSON.parse(String((await once(server.stdout, 'data'))[0])) }
}

async function stop(server) {
  server.kill('SIGTERM')
  const [code] = await once(server, 'close')
  if (code !== 0) process.exitCode = 1
}

let { server, url } = await start()
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
const residentMiB = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024

/** Status of one chat, once its answer is whole; 0 where the connection broke. */
function chat(agent, maxTokens, key = 'sk-healthy') {
  const body = JSON.stringify({
    messages: [{ role: 'user', content: 'Count to twenty.' }],
    max_tokens: maxTokens,
    ignore_eos: true,
  })
  return new Promise(resolve => {
    const authorization = `Bearer ${key}`
    const headers = {
      ...{ authorization, 'content-type': 'application/json' },
      ...{ 'content-length': body.length },
    }
    const sent = request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers })
    sent.on('response', response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sent.on('error', () => resolve(0))
    sent.end(body)
  })
}

/** Healthy chats for as long as `isOver` says no: their times, and how many failed. */
async function healthy(isOver) {
  const agent = new Agent({ keepAlive: true })
  const times = []
  const open = []
  let failed = 0
  while (!isOver()) {
    const start = performance.now()
    open.push(
      chat(agent, 32).then(status => {
        times.push(performance.now() - start)
        if (status !== 200) failed++
      }),
    )
    await pause(200)
  }
  await Promise.all(open)
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = share => times[Math.floor(share * (times.length - 1))]?.toFixed(0)
  return { chats: times.length, failed, p50: at(0.5), p99: at(0.99) }
}

const slow = {
  headers: ['-H', '-i', '5'],
  body: [
    '-B',
    '-i',
    '5',
    '-s',
    '8192',
    '-f',
    'application/json',
    '-u',
    `${url}/v1/chat/completions`,
  ],
  read: ['-X', '-w', '10', '-y', '20', '-n', '5', '-z', '32', '-u', `${url}/openapi.json`],
}

/** 1,000 connections; resolves to what slowhttptest says of the service. */
async function slowhttptest(mode) {
  const args = ['-c', '1000', '-r', '500', '-l', String(seconds), '-u', url, ...slow[mode]]
  const child = spawn('slowhttptest', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', data => {
    said += data
  })
  await once(child, 'close')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const plain = said.replace(/\u001b\[[\d;]*[A-Za-z]/g, '')
  const states = [...plain.matchAll(/service available:\s+(\w+)/g)].map(([, state]) => state)
  const [, closed] = [...plain.matchAll(/closed:\s+(\d+)/g)].at(-1) ?? []
  return `available ${states.filter(state => state === 'YES').length} of ${states.length} times, ${closed} closed`
}

async function streams(areRead) {
  const body = JSON.stringify({
    messages: [{ role: 'user', content: 'Hello' }],
    ...{ max_tokens: 1000 },
    ...{ ignore_eos: true, stream: true },
  })
  const { port, hostname } = new URL(url)
  const before = residentMiB()
  const sockets = Array.from({ length: 64 }, () => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    if (areRead) socket.resume()
    else socket.pause()
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    )
    return socket
  })
  await pause(seconds * 1000)
  const grown = residentMiB() - before
  for (const socket of sockets) socket.destroy()
  return `${grown.toFixed(0)} MiB more in the server`
}

/** Sent within two seconds, whatever is answered meanwhile. */
async function flood() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 })
  const statuses = new Map()
  const start = performance.now()
  const all = []
  for (let sent = 0; sent < 10_000; ) {
    const due = Math.min(10_000, Math.ceil(((performance.now() - start) / 2000) * 10_000))
    for (; sent < due; sent++)
      all.push(
        chat(agent, 4, 'sk-flood').then(status =>
          statuses.set(status, (statuses.get(status) ?? 0) + 1),
        ),
      )
    await pause(1)
  }
  const tookMs = performance.now() - start
  await Promise.all(all)
  agent.destroy()
  if ([...statuses.keys()].some(status => ![200, 429, 503].includes(status))) process.exitCode = 1
  const counts = [...statuses].map(([status, n]) => `${n} × ${status}`).join(', ')
  return `10,000 in ${(tookMs / 1000).toFixed(1)} s: ${counts}`
}

const attacks = {
  alone: () => pause(seconds * 1000).then(() => ''),
  headers: () => slowhttptest('headers'),
  body: () => slowhttptest('body'),
  read: () => slowhttptest('read'),
  streams: () => streams(true),
  stalled: () => streams(false),
  flood,
  tenant: flood,
}

await chat(new Agent(), 32)
for (const name of values.only.split(',')) {
  if (name === 'tenant') {
    await stop(server)
    const keys = join(mkdtempSync(join(tmpdir(), 'hostile-')), 'keys')
    writeFileSync(keys, 'sk-healthy\nsk-flood\n')
    ;({ server, url } = await start('--api-key-file', keys))
    await chat(new Agent(), 32)
  }
  let over = false
  const attack = attacks[name]().finally(() => {
    over = true
  })
  const traffic = await healthy(() => over)
  const { chats, failed, p50, p99 } = traffic
  if (failed > 0 && name !== 'flood') process.exitCode = 1
  console.log(
    `${name.padEnd(8)} ${chats} chats, ${failed} failed, p50 ${p50} ms, p99 ${p99} ms; ` +
      `RSS ${residentMiB().toFixed(0)} MiB; ${await attack}`,
  )
}
await stop(server)
