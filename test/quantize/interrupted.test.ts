/** Killed, out of disk, or beside others: a whole checkpoint or none. Runs the built command. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { goldenFolder } from '../models/golden.ts'

const entry = join(root, 'dist/cli.mjs')
const source = join(goldenFolder, 'moe-160-experts')
const built = existsSync(entry)
const canMount = process.platform === 'linux' && process.getuid?.() === 0
/** DK-2 asks for 200; a kill takes as long as a conversion. */
const numKills = Number(process.env.CONCLAVE_KILLS ?? 12)
const canTrace = spawnSync('strace', ['-f', 'true']).status === 0

/** Hash of all files of a folder, with their names; or of one file. */
function hashOf(folder: string): string {
  const hash = createHash('sha256')
  if (folder.endsWith('.gguf')) return hash.update(readFileSync(folder)).digest('hex')
  for (const name of readdirSync(folder).sort())
    hash.update(`${name}\0`).update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}

interface Run {
  code: number | null
  stdout: string
  stderr: string
}

function run(out: string, before: string[] = [], killAfterMs = 0): Promise<Run> {
  const format = out.endsWith('.gguf') ? 'gguf' : 'compressed-tensors'
  const flags = [source, out, '--format', format, '--json']
  const [command, ...args] = [...before, process.execPath, entry, 'quantize', ...flags]
  // One thread for files: strace counts the calls of each by itself.
  const child = spawn(command!, args, { env: { ...process.env, UV_THREADPOOL_SIZE: '1' } })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', text => {
    texts.stdout += text
  })
  child.stderr.on('data', text => {
    texts.stderr += text
  })
  if (killAfterMs > 0) setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  return new Promise(resolve => child.on('close', code => resolve({ code, ...texts })))
}

const entriesOf = (out: string) => readdirSync(join(out, '..'))

/** What is written, sizes in KiB below its own, and how many calls reach the disk. */
const kinds = [
  { name: 'out', blocks: [1, 40, 150, 250], fsyncs: [1, 2, 3, 4], publishes: 'rename' },
  { name: 'out.gguf', blocks: [1, 40, 100, 150], fsyncs: [1, 2], publishes: 'linkat,link' },
]

const title = 'conclave quantize to $name, interrupted (skipped where dist/ is not built)'
describe.skipIf(!built).each(kinds)(title, ({ name, blocks: sizes, fsyncs, publishes }) => {
  let whole = ''
  let wholeMs = 0
  beforeAll(async () => {
    const out = join(makeFolder(), name)
    const start = performance.now()
    expect((await run(out)).code).toBe(0)
    wholeMs = performance.now() - start
    whole = hashOf(out)
  })

  it('killed at any moment', { timeout: 30_000 + numKills * 10_000 }, async () => {
    const out = join(makeFolder(), name)
    let killed = 0
    for (let i = 0; i < numKills; i++) {
      await run(out, [], 1 + Math.random() * wholeMs)
      if (existsSync(out)) {
        expect(hashOf(out)).toBe(whole)
        rmSync(out, { recursive: true })
      } else killed++
    }
    expect(killed).toBeGreaterThan(0)
    // The next run cleans up.
    expect((await run(out)).code).toBe(0)
    expect(entriesOf(out)).toEqual([name])
    expect(hashOf(out)).toBe(whole)
  })

  it('several at once on one folder', async () => {
    const out = join(makeFolder(), name)
    const runs = await Promise.all(Array.from({ length: 8 }, () => run(out)))
    expect(runs.filter(({ code }) => code === 0)).toHaveLength(1)
    for (const { code, stdout } of runs.filter(r => r.code !== 0)) {
      expect(code).toBe(1)
      expect(JSON.parse(stdout).error).toMatchObject({ code: 'invalid_request' })
    }
    expect(entriesOf(out)).toEqual([name])
    expect(hashOf(out)).toBe(whole)
  })

  it('paths with spaces and emoji, and one too long', async () => {
    const out = join(makeFolder(), `my models 🙂 ${name}`)
    expect((await run(out)).code).toBe(0)
    expect(hashOf(out)).toBe(whole)
    const long = join(makeFolder(), 'x'.repeat(4096), name)
    const { code, stdout } = await run(long)
    expect(code).toBe(1)
    expect(JSON.parse(stdout).error.code).toBe('io_error')
  })

  it.skipIf(process.platform === 'win32').each(sizes)(
    'no write goes beyond %d KiB (skipped where there is no ulimit)',
    async blocks => {
      const out = join(makeFolder(), name)
      const bash = ['bash', '-c', `ulimit -f ${blocks}; "$@"`, 'bash']
      const { code, stdout } = await run(out, bash)
      expect(code).toBe(1)
      expect(JSON.parse(stdout).error.code).toBe('disk_full')
      expect(entriesOf(out)).toEqual([])
    },
  )

  it.skipIf(!canTrace).each([
    ['fsync', 'EIO', 'io_error', fsyncs],
    ['fsync', 'ENOSPC', 'disk_full', [1, 2]],
    [publishes, 'EDQUOT', 'disk_full', [1]],
    ['mkdir', 'EROFS', 'io_error', [1]],
  ] as const)(
    '%s fails with %s (skipped where strace cannot run)',
    async (call, errno, code, turns) => {
      const out = join(makeFolder(), name)
      for (const turn of turns) {
        const inject = `inject=${call}:error=${errno}:when=${turn}+`
        const trace = ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject]
        const { stdout } = await run(out, trace)
        expect(JSON.parse(stdout).error.code).toBe(code)
        expect(entriesOf(out)).toEqual([])
      }
    },
  )

  describe.skipIf(!canMount)('a disk of 128 KiB (skipped where this user cannot mount)', () => {
    const disk = makeFolder()
    afterAll(() => void spawnSync('umount', [disk]))
    it('is too small', async () => {
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk])
      if (mounted.status !== 0) return
      const { code, stdout } = await run(join(disk, name))
      expect(code).toBe(1)
      expect(JSON.parse(stdout).error.code).toBe('disk_full')
      expect(readdirSync(disk)).toEqual([])
    })
  })
})
