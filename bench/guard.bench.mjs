// How fast the guard reads, in CPU time of one core, and what it takes of an engine's throughput.
// CONCLAVE_BENCH_PARTS=texts,streams,serving picks parts.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fromSource } from '../scripts/from-source.mjs'
import { clocks, median } from './measure.mjs'

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
    const start = clocks.processor()
    scan(text)
    speeds.push(bytes / 1000 / (clocks.processor() - start))
  }
  return { value: median(speeds), best: Math.max(...speeds) }
}

/** Megabytes a second of a text that comes in chunks of so many characters, as a stream's do. */
function streamed(open, text, chunk, rounds) {
  const chunks = []
  for (let i = 0; i < text.length; i += chunk) chunks.push(text.slice(i, i + chunk))
  const pushAll = () => {
    const filter = open()
    for (const one of chunks) filter.push(one)
    filter.end()
  }
  pushAll()
  return throughput(pushAll, text, rounds)
}

const prompt = 'Once upon a time'
const ignoreEos = true

/** Milliseconds of wall and of processor time a token, of so many answers at once. */
async function serve(engine, streams, tokens) {
  const [wall, processor] = [clocks.wall(), clocks.processor()]
  const ask = seed => engine.generate(prompt, { maxTokens: tokens, seed, ignoreEos })
  const results = await Promise.all(Array.from({ length: streams }, (_, i) => ask(i).result()))
  const made = results.reduce((sum, { usage }) => sum + usage.completionTokens, 0)
  return { wall: (clocks.wall() - wall) / made, processor: (clocks.processor() - processor) / made }
}

/** The median with the interval that holds it 95 times in 100, whatever the distribution. */
function medianInterval(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const reach = Math.ceil(0.98 * Math.sqrt(sorted.length))
  const middle = Math.floor(sorted.length / 2)
  return {
    value: median(sorted),
    low: sorted[Math.max(0, middle - reach)],
    high: sorted[Math.min(sorted.length - 1, middle + reach)],
  }
}

/**
 * Nanoseconds a token of all that an engine does for its guard, from the prompt to the last token:
 * replayed alone, so that no noise of steps lies over it.
 */
function replayed({ AnswerGuard, createGuard, guardedPrompt, guardedText }, answers, rounds) {
  const guard = createGuard('default')
  const replay = () => {
    for (const pieces of answers) {
      guardedPrompt(guard, prompt)
      const watch = new AnswerGuard(guardedText(guard, 'output', false))
      for (const text of pieces) {
        watch.hold(0, undefined)
        watch.spell(text.length)
        watch.push(text)
        watch.take()
      }
      watch.end()
      watch.take()
    }
  }
  const tokens = answers.reduce((sum, { length }) => sum + length, 0)
  for (let i = 0; i < 20; i++) replay()
  const times = Array.from({ length: rounds }, () => {
    const start = clocks.processor()
    for (let i = 0; i < 10; i++) replay()
    return (clocks.processor() - start) / 10
  })
  return (1e6 * median(times)) / tokens
}

/** The texts of the tokens of some answers. */
const answersOf = (engine, tokens) =>
  Promise.all(
    Array.from({ length: 16 }, async (_, seed) => {
      const pieces = []
      for await (const { text } of engine.generate(prompt, { maxTokens: tokens, seed, ignoreEos }))
        pieces.push(text)
      return pieces
    }),
  )

/** What a guard takes of an engine's throughput: many short pairs with and without one, in turn. */
async function servingRows(room, quick, { pairs = quick ? 4 : 60, streams: counts = [8, 32] }) {
  const { createEngine, loadModel } = await import('../dist/index.mjs')
  const model = await loadModel()
  const plain = await createEngine(model)
  const guarded = await createEngine(model, { guard: 'default' })
  const rows = []
  for (const streams of counts) {
    const tokens = quick ? 32 : Math.ceil(1536 / streams)
    for (const engine of [plain, guarded]) await serve(engine, streams, tokens)
    const lost = { wall: [], processor: [] }
    const alone = []
    for (let i = 0; i < pairs; i++) {
      const order = i % 2 === 0 ? [plain, guarded] : [guarded, plain]
      const times = new Map()
      for (const engine of order) times.set(engine, await serve(engine, streams, tokens))
      for (const clock of Object.keys(lost))
        lost[clock].push(100 * (times.get(guarded)[clock] / times.get(plain)[clock] - 1))
      alone.push(1000 / times.get(plain).wall)
    }
    for (const [clock, values] of Object.entries(lost)) {
      const { value, low, high } = medianInterval(values)
      rows.push({
        what: `guard, ${streams} streams, ${clock} time a token`,
        model: 'default',
        value,
        unit: '% more',
        target: '≤ 2',
        holds: value <= 2,
        note: `95 % interval ${low.toFixed(1)} to ${high.toFixed(1)}, ${pairs} pairs; without ${median(alone).toFixed(0)} tokens/s`,
      })
    }
    const own = replayed(room, await answersOf(plain, tokens), quick ? 3 : 30)
    const value = (100 * own) / (1e6 / median(alone)) / 1000
    rows.push({
      what: `guard, ${streams} streams, its own work of the wall time a token`,
      model: 'default',
      value,
      unit: '%',
      target: '≤ 2',
      holds: value <= 2,
      note: `${own.toFixed(0)} ns of ${(1e6 / median(alone)).toFixed(0)} µs a token, as if none of it ran beside a step`,
    })
  }
  await model.dispose()
  return rows
}

/** How fast whole texts are read. */
function textRows({ createGuard }, quick) {
  const { scan } = createGuard('default')
  const bytes = quick ? 1e6 : 8e6
  return Object.entries(texts()).map(([name, text]) => {
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
}

/** How fast a text is that comes in pieces. */
function streamRows({ filterOf }, quick) {
  const open = filterOf('default')
  const prose = texts()['English prose'].slice(0, 200_000)
  return [4, 16, 64, 1024].map(chunk => {
    const { value, best } = streamed(open, prose, chunk, quick ? 3 : 15)
    return {
      what: `guard, a stream in chunks of ${chunk} characters`,
      model: '-',
      value,
      unit: 'MB/s of CPU time',
      note: `best ${best.toFixed(1)}; English prose, ${((chunk / value) * 1000).toFixed(0)} ns a chunk`,
    }
  })
}

const benches = new Map([
  ['texts', textRows],
  ['streams', streamRows],
  ['serving', servingRows],
])

const chosen = () => process.env.CONCLAVE_BENCH_PARTS?.split(',') ?? [...benches.keys()]

/** `pairs` and `streams`: how many rounds with and without a guard, of how many answers. */
export async function run({ quick, pairs, streams, names = chosen() }) {
  const room = await fromSource(
    'guard',
    `export { createGuard, filterOf, guardedText } from './lib/guard/guard.ts'
    export { AnswerGuard } from './lib/engine/answer-guard.ts'
    export { guardedPrompt } from './lib/engine/guarded-input.ts'`,
  )
  const rows = []
  for (const [name, bench] of benches)
    if (names.includes(name)) rows.push(...(await bench(room, quick, { pairs, streams })))
  return rows
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      streams: { type: 'string' },
    },
  })
  const pairs = values.pairs && Number(values.pairs)
  const streams = values.streams?.split(',').map(Number)
  for (const name of chosen())
    for (const row of await run({ ...values, pairs, streams, names: [name] }))
      console.log(`${row.what}: ${row.value.toFixed(1)} ${row.unit} (${row.note})`)
}
