// The last link of binding.gyp → cmake-js → CMake: compiles build/Release/conclave.node. Configures each time,
// as what is asked for may have changed since (build:cuda after a build without); what it said before stays,
// so that a build of an addon with CUDA leaves it one. Of a folder that CMake refuses all is made anew, but not
// where something was asked for that this machine may not have (nvcc).
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin/cmake-js')
const cmake = (command, ...args) =>
  spawnSync(
    process.execPath,
    [cmakeJs, command, '--directory', root, ...args, ...process.argv.slice(2)],
    { stdio: 'inherit', cwd: root },
  ).status === 0
const configured = cmake('configure') || (process.argv.length === 2 && cmake('reconfigure'))
const built = configured && cmake('build', '--parallel', String(availableParallelism()))
process.exit(built ? 0 : 1)
