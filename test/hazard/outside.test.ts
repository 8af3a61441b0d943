import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addon, needs, root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'

const canTrace = spawnSync('strace', ['-f', 'true']).status === 0
const indexName = 'model.safetensors.index.json'
const shard = 'model-00001-of-00004.safetensors'

/** A folder beside whose own folder a shard lies under the name secret.safetensors. */
function besides(change: (folder: string, secret: string) => void): string {
  const parent = makeFolder()
  const folder = join(parent, 'model')
  mkdirSync(folder)
  cpSync(join(root, 'test/golden/moe-norm-false-tied-sharded'), folder, { recursive: true })
  const secret = join(parent, 'secret.safetensors')
  cpSync(join(folder, shard), secret)
  change(folder, secret)
  return folder
}

const named = (name: (secret: string) => string) => (folder: string, secret: string) => {
  const path = join(folder, indexName)
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(shard, name(secret)))
}
const linked = (target: (secret: string) => string) => (folder: string, secret: string) => {
  rmSync(join(folder, shard))
  symlinkSync(target(secret), join(folder, shard))
}
const relative = '../secret.safetensors'
/** The folder of the name is a link out of the model's folder. */
const throughFolder = (folder: string, secret: string) => {
  const other = join(folder, '../other')
  mkdirSync(other)
  renameSync(secret, join(other, 'secret.safetensors'))
  symlinkSync(other, join(folder, 'sub'))
  named(() => 'sub/secret.safetensors')(folder, secret)
}

describe.skipIf(!canTrace)('files outside of the folder (skipped where strace cannot run)', () => {
  needs('dist/index.mjs', addon)

  it.for([
    ['a name with ..', named(() => relative)],
    ['an absolute name', named(secret => secret)],
    ['a name in a folder that is a link', throughFolder],
    ['a relative link', linked(() => relative)],
    ['an absolute link', linked(secret => secret)],
  ] as const)('are never opened: %s', ([, change]) => {
    const folder = besides(change)
    const trace = join(makeFolder(), 'trace')
    const program = join(import.meta.dirname, 'programs/outside.mjs')
    const calls = 'trace=open,openat,openat2,creat'
    const args = ['-f', '-o', trace, '-e', calls, process.execPath, program, folder]
    const { stdout } = spawnSync('strace', args, { encoding: 'utf8', timeout: 50_000 })
    expect(stdout).toBe('path_forbidden\n')
    const opened = readFileSync(trace, 'utf8')
    expect(opened).toContain(indexName) // the trace sees what is opened
    expect(opened).not.toContain('secret')
    // A link of the folder's own name is not followed either.
    expect(opened).not.toContain(`model/${shard}`)
  })
})
