// How large files may be, which names they may have, and what the pages must hold.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const isCode = f => /\.(ts|mjs|cc|h|cu|cuh|py)$/.test(f)
const limits = [
  [/^scripts\//, 130],
  [/^examples\//, 30],
  [/^native\/(cpu|cuda)\//, 600],
  [/./, 500],
]

/** Files that git tracks or would track. */
export function trackedFiles(root) {
  const run = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return run.stdout.split('\n').filter(f => f && existsSync(join(root, f)))
}

const lines = (root, file) => readFileSync(join(root, file), 'utf8').split('\n').length - 1

export function checkSizes(root, files) {
  const found = []
  const sizes = files
    .filter(isCode)
    .map(file => ({ file, n: lines(root, file) }))
    .sort((a, b) => a.n - b.n)
  for (const { file, n } of sizes) {
    const [, most] = limits.find(([pattern]) => pattern.test(file))
    if (n > most) found.push(`${file} has ${n} lines, at most ${most} are allowed`)
  }
  const at = share => sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))]?.n
  console.log(
    `sizes: ${sizes.length} code files, median ${at(0.5)} lines, nine in ten under ${at(0.9)}, largest ${sizes.at(-1)?.n}`,
  )
  if (at(0.9) > 300)
    found.push(`nine in ten files should be under 300 lines, but the 90th percentile is ${at(0.9)}`)
  return found
}

/** Names that say nothing, and words that have no place in the project. */
export function checkWords(root, files) {
  const found = files
    .filter(f => /(^|\/)(utils?|helpers?|common|misc|shared|manager)(\/|\.|$)/i.test(f))
    .map(f => `${f}: name it after its noun`)
  for (const file of files.filter(f => isCode(f) || /\.(md|json|sh|yml)$/.test(f))) {
    if (
      file === 'scripts/sizes.mjs' ||
      file === 'package-lock.json' ||
      /fixtures|golden|eval\//.test(file)
    )
      continue
    const text = readFileSync(join(root, file), 'utf8')
    if (/\/(work|root)\/(main|shared|\.library|conclave)/.test(text))
      found.push(`${file} names a path of one machine`)
  }
  return found
}

/** README's shape. */
export function checkDocs(root) {
  const readme = existsSync(join(root, 'README.md'))
    ? readFileSync(join(root, 'README.md'), 'utf8').split('\n')
    : []
  const found = []
  for (const name of [
    'README',
    'ARCHITECTURE',
    'CONTRIBUTING',
    'AGENTS',
    'CHANGELOG',
    'SECURITY',
  ]) {
    if (!existsSync(join(root, `${name}.md`))) found.push(`${name}.md is missing`)
  }
  if (readme.length > 131)
    found.push(`README.md has ${readme.length} lines, at most 130 are allowed`)
  const first = readme.findIndex(line => line.startsWith('```'))
  if (first < 0 || first > 24) found.push('README.md: the first runnable block stands by line 25')
  if (!readme.some(line => /when not to use/i.test(line)))
    found.push('README.md has no section "when not to use this"')
  return found
}
