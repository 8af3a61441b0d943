// npm run check: the quick loop for every commit — lint, then the tests that take milliseconds.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
await setupOrExit()
const quick = ['test/files', 'test/sampling', 'test/engine', 'test/chat', 'test/graph']
// The engine's random tests at a tenth of their size.
const few = {
  CONCLAVE_SEEDS: '40',
  CONCLAVE_MIXES: '45',
  CONCLAVE_RUNS: '300',
  CONCLAVE_SOAK: '400',
}
const env = { ...few, ...process.env }
for (const args of [
  ['scripts/lint.mjs'],
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...quick],
]) {
  const run = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env })
  if (run.status !== 0) process.exit(run.status ?? 1)
}
