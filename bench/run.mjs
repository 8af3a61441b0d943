// npm run bench -- [generate load loop boundary peers engine] [--models moe-s,moe-m,default] [--quick] [--busy]
// npm run bench -- --profile [--models moe-s] [--weights int8,bf16]
// npm run bench -- peers --models moe-s,moe-m --weights bf16,int8
// npm run bench -- generate --models moe-s --weights int8 --depths 0,4096,16384,32768
// Measures and prints rows. --busy: for a machine that others use, processor time of one thread.

import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { setupOrExit } from '../scripts/setup.mjs'
import { addFractions, describeMachine, measureCeilings } from './ceilings.mjs'
import { hasDefaultModel, libraryFile } from './paths.mjs'
import { printRows, saveRows } from './rows.mjs'

const benches = new Map([
  ['generate', './generate.bench.mjs'],
  ['load', './load.bench.mjs'],
  ['idle', './idle.bench.mjs'],
  ['loop', './loop.bench.mjs'],
  ['boundary', './boundary.bench.mjs'],
  ['peers', './peers/peers.bench.mjs'],
  ['engine', './engine/engine.bench.mjs'],
  ['guard', './guard.bench.mjs'],
  ['text', './text.bench.mjs'],
  ['profile', './profile.bench.mjs'],
])

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string' },
    quick: { type: 'boolean', default: false },
    busy: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    weights: { type: 'string' },
    depths: { type: 'string' },
  },
})
const { quick, busy } = values
const all = [...benches.keys()].filter(name => name !== 'profile')
const names = values.profile ? ['profile'] : positionals.length > 0 ? positionals : all
const unknown = names.filter(name => !benches.has(name))
if (unknown.length > 0) {
  console.error(
    `Expected names among ${[...benches.keys()].join(', ')}, but got ${unknown.join(', ')}`,
  )
  process.exit(2)
}

await setupOrExit()
const { loadModel } = await import(pathToFileURL(libraryFile).href)
const known = ['moe-s', 'moe-m', ...(hasDefaultModel() ? ['default'] : [])]
const models = values.models?.split(',') ?? known
if (!hasDefaultModel()) console.error('default-model/ is not there: its rows are left out')

const describe = ({ cpu, cores, foreign }) =>
  `${cpu}, ${cores} cores; others take ${foreign.normal.toFixed(2)} of them, ` +
  `${foreign.low.toFixed(2)} more at low priority`

let missed = 0
for (const name of names) {
  const { run } = await import(benches.get(name))
  const machine = await describeMachine()
  console.log(`\n${name}: ${describe(machine)}`)
  // Another program may hold the machine back at either time: the ceilings are measured on both
  // sides.
  const before = await measureCeilings({ busy })
  const rows = await run({
    models,
    loadModel,
    quick,
    busy,
    weights: values.weights?.split(','),
    depths: values.depths?.split(',').map(Number),
    ceilings: before,
  })
  const ceilings = await measureCeilings({ known: before, busy })
  addFractions(rows, ceilings)
  const { readBytesPerSecond: read, bf16FlopsPerSecond: bf16 } = ceilings
  console.log(
    `ceilings: read ${read ? (read / 1e9).toFixed(1) : '?'} GB/s, bf16 ${(bf16 / 1e9).toFixed(0)} GFLOP/s`,
  )
  printRows(rows)
  saveRows(name, { ...machine, ...ceilings }, rows)
  missed += rows.filter(r => r.target && !r.holds).length
}
console.log(`\n${missed} targets missed`)
