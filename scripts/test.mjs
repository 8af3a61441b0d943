// npm test: sets everything up, runs the native tests, the suite and the lint, and ends with
// `N passed, N failed, N skipped`, every skip with its reason above it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const totals = { passed: 0, failed: 0, skipped: [] }

function run(command, args, env = {}) {
  return spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  })
}

/** C++ programs that end with `N passed, N failed`. */
function nativeTests() {
  const folder = join(root, 'build/tests')
  const programs = ['native/native_tests', 'native-io/io_tests', 'native-gguf/gguf_tests']
  if (process.platform !== 'win32')
    programs.push(
      ...['native/simt_tests', 'native/simt_faults'],
      ...['faults/simt_model', 'faults/simt_driver'],
    )
  const steps = [
    ['-S', root, '-B', folder, '-DCONCLAVE_TESTS=ON', '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', folder, '--parallel', '2', '--target', ...programs.map(p => basename(p))],
  ]
  for (const args of steps) {
    const step = run('cmake', args)
    if (step.status !== 0) {
      console.log(step.stdout)
      totals.failed++
      return
    }
  }
  for (const program of programs) {
    const result = run(join(folder, 'test', program), [])
    process.stdout.write(result.stdout ?? '')
    const [, passed, failed] =
      /(\d+) passed, (\d+) failed\b[^\n]*\n?$/.exec(result.stdout?.trimEnd() ?? '') ?? []
    totals.passed += Number(passed ?? 0)
    totals.failed += Math.max(Number(failed ?? 1), result.status === 0 ? 0 : 1)
  }
}

function suite(filters) {
  const file = join(root, 'build/totals.json')
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=./scripts/vitest-reporter.mjs',
    ...filters,
  ]
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CONCLAVE_TOTALS: file },
  })
  const counted = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { passed: 0, failed: 1, skipped: [] }
  totals.passed += counted.passed
  totals.failed += Math.max(counted.failed, result.status === 0 ? 0 : 1)
  totals.skipped.push(...counted.skipped)
}

await setupOrExit()
const filters = process.argv.slice(2)
if (filters.length === 0) nativeTests()
suite(filters)
if (filters.length === 0) {
  const lint = spawnSync(process.execPath, ['scripts/lint.mjs'], { cwd: root, stdio: 'inherit' })
  if (lint.status === 0) totals.passed++
  else totals.failed++
}
for (const skip of totals.skipped) console.log(`skipped: ${skip}`)
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped.length} skipped`)
process.exit(totals.failed === 0 ? 0 : 1)
