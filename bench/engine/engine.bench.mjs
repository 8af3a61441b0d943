// Many requests at once. CONCLAVE_BENCH_PARTS=throughput,shared,stall,streams,aborts,costs picks parts,
// CONCLAVE_BENCH_CONCURRENT=1,8,32,64 the numbers of requests.
import { aborts } from './aborts.mjs'
import { costs } from './costs.mjs'
import { stall } from './stall.mjs'
import { streams } from './streams.mjs'
import { sharedPrompt, throughput } from './together.mjs'

const parts = new Map([
  ['throughput', throughput],
  ['shared', sharedPrompt],
  ['stall', stall],
  ['streams', streams],
  ['aborts', aborts],
  ['costs', costs],
])

export async function run(options) {
  const names = process.env.CONCLAVE_BENCH_PARTS?.split(',') ?? [...parts.keys()]
  const rows = []
  for (const name of names) rows.push(...(await parts.get(name)(options)))
  return rows
}
