// Twenty chats a second of 32 tokens for a minute on the embedded model, server and client on one
// machine: all must be answered. Prints the report of `conclave bench serve`; exit code 1 otherwise.
// node bench/serve-load.mjs [--rate 20] [--seconds 60] [--output-tokens 32]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { projectFolder } from './paths.mjs'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
    'output-tokens': { type: 'string', default: '32' },
  },
})
const command = join(projectFolder, 'dist/cli.mjs')
const start = (...args) =>
  spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })

const server = start('serve', '--port', '0', '--json', '--log-level', 'error')
const { url } = JSON.parse(String((await once(server.stdout, 'data'))[0]))
const load = start(
  ...['bench', 'serve', '--base-url', url, '--request-rate', values.rate],
  ...['--num-prompts', String(Number(values.rate) * Number(values.seconds))],
  ...['--output-tokens', values['output-tokens']],
)
let page = ''
load.stdout.on('data', data => {
  page += data
})
await once(load, 'close')
console.log(page)
server.kill('SIGTERM')
const [code] = await once(server, 'close')
const failed = Number(/Failed requests: +(\d+)/.exec(page)?.[1] ?? 1)
console.log(failed === 0 && code === 0 ? 'all answered' : `${failed} not answered, server ${code}`)
process.exitCode = failed === 0 && code === 0 ? 0 : 1
