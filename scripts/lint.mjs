// npm run lint: formatting, types, the import rules between rooms, the bans and the sizes. `--fix` formats.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkCodes } from './codes.mjs'
import { checkRooms } from './rooms.mjs'
import { checkDocs, checkSizes, checkWords, trackedFiles } from './sizes.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const fix = process.argv.includes('--fix')
const problems = []

function tool(name, command, args) {
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (run.error) {
    console.log(`${name}: not installed here, left out`)
  } else if (run.status !== 0) {
    problems.push(
      `${name}:\n${(run.stdout + run.stderr).trim().split('\n').slice(0, 60).join('\n')}`,
    )
  } else {
    console.log(`${name}: fine`)
  }
}

const files = trackedFiles(root)
const native = files.filter(f => /^(native|test)\/.*\.(h|cc|cu)$/.test(f))
tool('biome', process.execPath, [
  'node_modules/@biomejs/biome/bin/biome',
  'check',
  ...(fix ? ['--write'] : []),
  '.',
])
tool('clang-format', 'clang-format', [...(fix ? ['-i'] : ['--dry-run', '--Werror']), ...native])
tool('tsc', process.execPath, [
  'node_modules/typescript/bin/tsc',
  '--noEmit',
  '-p',
  'tsconfig.json',
])
for (const [name, found] of [
  ['rooms', checkRooms(root, files)],
  ['sizes', checkSizes(root, files)],
  ['words', checkWords(root, files)],
  ['docs', checkDocs(root)],
  ['codes', checkCodes(root, files)],
]) {
  if (found.length > 0) problems.push(`${name}:\n  ${found.join('\n  ')}`)
  else console.log(`${name}: fine`)
}
for (const problem of problems) console.log(problem)
console.log(problems.length === 0 ? 'lint: fine' : `lint: ${problems.length} of the checks failed`)
process.exit(problems.length === 0 ? 0 : 1)
