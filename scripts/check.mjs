// npm run check: the quick loop for every commit — lint, then the tests that take milliseconds.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
await setupOrExit()
const quick = ['test/files', 'test/sampling', 'test/engine', 'test/chat', 'test/graph']
for (const args of [
  ['scripts/lint.mjs'],
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...quick],
]) {
  const run = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
}
