import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addon, firstMissing, needs, root } from '../engine/needs.ts'
import { folderBytes, install, type Packed, pack, reuseAddon, run } from './install.ts'

const needed = ['dist/cjs/index.d.ts', 'default-model/model.safetensors', addon]
const missing = firstMissing(needed)
/** Compiling takes minutes; elsewhere the installed package gets this project's addon. */
const compiles = process.env.CI !== undefined || process.env.CONCLAVE_COMPILE !== undefined
const folder = mkdtempSync(join(tmpdir(), 'conclave-package-'))
const project = join(folder, 'project')
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

let packed: Packed
let installed: string

beforeAll(() => {
  if (missing !== undefined) return
  packed = pack(folder)
  installed = install(project, packed.tarball)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const node = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  run(project, process.execPath, args, env)

describe('the package', () => {
  needs(...needed)

  it('ships what it runs and what compiles it, and nothing else', () => {
    const paths = packed.files.map(file => file.path)
    const top = new Set(paths.map(path => path.split('/')[0]))
    expect([...top].sort()).toEqual([
      'CHANGELOG.md',
      'CMakeLists.txt',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'binding.gyp',
      'default-model',
      'dist',
      'native',
      'package.json',
      'schemas',
      'scripts',
    ])
    expect(
      paths.filter(path => /(^|\/)(tests?|bench|training|examples)\/|\.map$/.test(path)),
    ).toEqual([])
    expect(paths.filter(path => path.startsWith('scripts/')).sort()).toEqual([
      'scripts/build-native.mjs',
      'scripts/cmake-js.mjs',
      'scripts/install.mjs',
    ])
    const rest = packed.unpackedSize - sizeUnder('default-model/')
    console.log(
      `tarball ${megabytes(packed.size)}, package ${megabytes(packed.unpackedSize)} ` +
        `(${megabytes(rest)} without the model), installed with its dependencies ` +
        megabytes(folderBytes(join(project, 'node_modules'))),
    )
    expect(rest).toBeLessThan(5e6)
  })

  it('says in one sentence what to run where its install script was not approved', () => {
    const { status, stderr } = node(['esm.mjs'])
    expect(status).toBe(1)
    const sentence = stderr.split('\n').find(line => line.startsWith('ConclaveError'))
    expect(sentence).toContain(`node "${join(installed, 'scripts/build-native.mjs')}"`)
    expect(sentence).toContain('`npm approve-scripts conclave` and `npm rebuild conclave`')
  })

  it.each([
    ['the script', 'node', ['node_modules/conclave/scripts/build-native.mjs']],
    ['npm rebuild', 'npm', ['rebuild', 'conclave', '--foreground-scripts']],
  ])('%s says what is missing on a machine without CMake', (_, command, args) => {
    const env = { PATH: pathOf('node', 'npm', 'sh', 'env') }
    if (command === 'npm') approve(env)
    const { status, stdout, stderr } = run(project, command, args, env)
    expect(status).toBe(1)
    expect(stdout + stderr).toMatch(/CMake ≥ 3\.22 is missing: .*install.* cmake/)
  })

  describe('with the addon', () => {
    let expected: string

    beforeAll(() => {
      if (missing !== undefined) return
      if (!compiles) reuseAddon(installed, addon)
      else {
        const built = run(project, 'npm', ['rebuild', 'conclave', '--foreground-scripts'])
        if (built.status !== 0) throw new Error(built.stdout + built.stderr)
      }
      expected = node(['esm.mjs']).stdout
    }, 600_000)

    it('answers from an ES module', () => {
      const { guard, streamed, text, tokenIds, refused } = JSON.parse(expected)
      expect(text.length).toBeGreaterThan(0)
      expect(streamed).toBe(text)
      expect(tokenIds.length).toBeGreaterThan(0)
      expect(refused).toBe(true)
      expect(guard.masked).not.toContain('anna@example.com')
      expect(guard.refused).toBe(true)
    })

    it.each(['commonjs.cjs', 'worker.mjs'])('answers the same from %s', name => {
      const { stdout, stderr } = node([name])
      expect(stderr).toBe('')
      expect(stdout).toBe(expected)
    })

    it.each(['esm', 'cjs'] as const)('answers the same from a bundle (%s)', async format => {
      const outfile = join(project, 'out', `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`)
      await build({
        stdin: {
          contents:
            "import * as conclave from 'conclave'\nimport * as guard from 'conclave/guard'\n" +
            "import { answer } from './answer.mjs'\n" +
            'answer(conclave, guard).then(message => console.log(JSON.stringify(message)))',
          resolveDir: project,
        },
        bundle: true,
        platform: 'node',
        external: ['*.node'],
        format,
        outfile,
        logLevel: 'silent',
      })
      const { stdout, stderr } = node([outfile])
      expect(stderr).toBe('')
      expect(stdout).toBe(expected)
    })

    it('runs its command', () => {
      const { stdout } = run(project, 'npx', ['--no-install', 'conclave', 'inspect', '--json'])
      expect(JSON.parse(stdout)).toMatchObject({ architecture: 'qwen3_moe' })
    })
  })

  it.each(['node16', 'bundler'])('type-checks with moduleResolution %s', resolution => {
    symlinkTypes()
    const { stdout } = node([
      join(root, 'node_modules/typescript/bin/tsc'),
      ...['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,esnext.disposable'],
      ...['--types', 'node', '--moduleResolution', resolution],
      ...['--module', resolution === 'node16' ? 'node16' : 'preserve'],
      'typed.mts',
      'typed.cts',
    ])
    expect(stdout).toBe('')
  })
})

function sizeUnder(prefix: string): number {
  return packed.files
    .filter(file => file.path.startsWith(prefix))
    .reduce((sum, file) => sum + file.size, 0)
}

/** Newer npm runs install scripts of approved packages alone; older npm knows no approval. */
function approve(env: NodeJS.ProcessEnv): void {
  run(project, 'npm', ['approve-scripts', 'conclave'], env)
}

/** A PATH on which there are these commands alone. */
function pathOf(...commands: string[]): string {
  const bin = mkdtempSync(join(folder, 'bin-'))
  for (const command of commands) {
    const found = run(folder, 'sh', ['-c', `command -v ${command}`]).stdout.trim()
    symlinkSync(found, join(bin, command))
  }
  return bin
}

/** Node's types, which the project of a consumer has on its own. */
function symlinkTypes(): void {
  for (const name of ['@types', 'undici-types']) {
    const link = join(project, 'node_modules', name)
    if (!existsSync(link)) symlinkSync(join(root, 'node_modules', name), link)
  }
}
