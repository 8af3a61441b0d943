// The last link of binding.gyp → cmake-js → CMake: compiles build/Release/conclave.node.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin/cmake-js')
const jobs = String(availableParallelism())
const result = spawnSync(
  process.execPath,
  [cmakeJs, 'compile', '--directory', root, '--parallel', jobs, ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: root },
)
process.exit(result.status ?? 1)
