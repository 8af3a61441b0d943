// How fast the guard reads, in CPU time of one core, and what it takes of an engine's throughput.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromSource } from '../scripts/from-source.mjs'
import { median } from './measure.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = 20

const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md']
const chinese =
  '今天的天气很好，我们下午去公园散步，晚上一起吃饭。这个项目的进展顺利，下一步要完善测试和文档，' +
  '并在月底之前交付第一版。大家对新的方案有不少意见，需要再讨论一次才能决定。\n'

function texts() {
  const prose = pages.map(page => readFileSync(join(root, page), 'utf8')).join('\n')
  const code = readFileSync(join(root, 'lib/guard/secrets.ts'), 'utf8')
  const log = Array.from(
    { length: 200 },
    (_, i) =>
      `2025-03-0${1 + (i % 9)} 12:30:${10 + (i % 50)} INFO request ${i * 7919} took ${i} ms\n`,
  ).join('')
  return { 'English prose': prose, 'Chinese prose': chinese, code, log }
}

const repeated = (text, bytes) => text.repeat(Math.ceil(bytes / Buffer.byteLength(text)))

function throughput(scan, text, rounds) {
  const bytes = Buffer.byteLength(text)
  const speeds = []
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage()
    scan(text)
    const { user, system } = process.cpuUsage(start)
    speeds.push(bytes / (user + system))
  }
  return { value: median(speeds), best: Math.max(...speeds) }
}

const streams = 32

/** Tokens a second of so many streams at once. */
async function serve(engine, tokens) {
  const start = performance.now()
  const ask = seed =>
    engine.generate('Once upon a time', { maxTokens: tokens, seed, ignoreEos: true })
  const results = await Promise.all(Array.from({ length: streams }, (_, i) => ask(i).result()))
  const made = results.reduce((sum, { usage }) => sum + usage.completionTokens, 0)
  return (made / (performance.now() - start)) * 1000
}

/** What a guard takes of an engine's throughput: rounds with and without one, in turn. */
async function servingRow(quick) {
  const { createEngine, loadModel } = await import('../dist/index.mjs')
  const model = await loadModel()
  const plain = await createEngine(model)
  const guarded = await createEngine(model, { guard: 'default' })
  const [tokens, rounds] = quick ? [32, 4] : [96, 12]
  for (const engine of [plain, guarded]) await serve(engine, tokens)
  const lost = []
  const speeds = []
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? [plain, guarded] : [guarded, plain]
    const speed = new Map()
    for (const engine of order) speed.set(engine, await serve(engine, tokens))
    lost.push(100 * (1 - speed.get(guarded) / speed.get(plain)))
    speeds.push(speed.get(plain))
  }
  await model.dispose()
  const value = median(lost)
  return {
    what: `guard, share of serving throughput at ${streams} streams`,
    model: 'default',
    value,
    unit: '% of tokens/s',
    target: '≤ 2',
    holds: value <= 2,
    note: `${Math.min(...lost).toFixed(1)} to ${Math.max(...lost).toFixed(1)} in ${rounds} pairs; without ${median(speeds).toFixed(0)} tokens/s`,
  }
}

export async function run({ quick }) {
  const { createGuard } = await fromSource(
    'guard',
    `export { createGuard } from './lib/guard/index.ts'`,
  )
  const { scan } = createGuard('default')
  const bytes = quick ? 1e6 : 8e6
  const rows = Object.entries(texts()).map(([name, text]) => {
    scan(repeated(text, 1e6))
    const { value, best } = throughput(scan, repeated(text, bytes), quick ? 3 : 7)
    return {
      what: `guard, ${name}`,
      model: '-',
      value,
      unit: 'MB/s of CPU time',
      target: `≥ ${target}`,
      holds: value >= target,
      note: `best ${best.toFixed(1)}; ${(bytes / 1e6).toFixed(0)} MB, every category masked`,
    }
  })
  return [...rows, await servingRow(quick)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const row of await run({ quick: process.argv.includes('--quick') }))
    console.log(`${row.what}: ${row.value.toFixed(1)} ${row.unit} (${row.note})`)
}
