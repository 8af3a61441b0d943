import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs, root } from './engine/needs.ts'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'AGENTS.md',
  ...list('docs'),
  'bench/README.md',
  'default-model/README.md',
].filter(page => existsSync(join(root, page)))

function list(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}/${name}`)
}

interface Block {
  page: string
  line: number
  /** What stands behind the three marks: `js`, `sh`, … */
  kind: string
  text: string
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(match => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    kind: match[1]!,
    text: match[2]!,
  }))
}

const blocks = pages.flatMap(blocksOf)
const ofKind = (kind: string) => blocks.filter(block => block.kind === kind)

/** Names that a page takes as given once it has shown where they come from. */
const given = `
import { loadModel, ConclaveError } from 'conclave'
const model = await loadModel()
const messages = [{ role: 'user', content: 'Sort these words: pear, apple' }]
`

/** A program of its own: models that this machine lacks become the embedded one. */
function program(text: string): string {
  const local = text.replace(/loadModel\('(?!\.\/no-such)[^']*'/g, 'loadModel(undefined')
  return /^import /m.test(local) ? local : given + local
}

/** `console.log(…) // what it prints` */
const promised = (text: string) =>
  [...text.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, output]) => output!.trim())

describe('the pages', () => {
  needs('dist/index.mjs', 'dist/cli.mjs', 'default-model/model.safetensors')

  it.for(ofKind('js').map(block => [`${block.page}:${block.line}`, block] as const))(
    '%s runs',
    ([, { text }]) => {
      const args = ['--input-type=module', '-e', program(text)]
      const options = { cwd: root, encoding: 'utf8', timeout: 50_000 } as const
      const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      for (const output of promised(text)) expect(stdout.split('\n')).toContain(output)
    },
  )

  const commands = ofKind('sh').flatMap(({ page, text }) =>
    [...text.matchAll(/^npx conclave (bench serve|\w+)(.*)$/gm)].map(
      ([, command, rest]) =>
        [page, command!, rest!.replace(/#.*/, '').match(/--[\w-]+/g) ?? []] as const,
    ),
  )

  it.for(commands)('%s: conclave %s knows %s', ([, command, flags]) => {
    const args = [join(root, 'dist/cli.mjs'), ...command.split(' '), '--help']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(status).toBe(0)
    for (const flag of flags) expect(stdout + stderr).toMatch(new RegExp(`${flag}\\b`))
  })

  it('name scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const text = pages.map(page => readFileSync(join(root, page), 'utf8')).join('\n')
    const named = [
      ...text.matchAll(/^(?:npm run ([\w:-]+)|npm (start|test)\b)|`npm run ([\w:-]+)/gm),
    ]
    expect(named.length).toBeGreaterThan(1)
    for (const [, run, direct, quoted] of named)
      expect(Object.keys(scripts)).toContain(run ?? direct ?? quoted)
  })
})
