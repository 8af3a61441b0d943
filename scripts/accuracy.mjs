// What number formats cost on a real model, as the table of docs/accuracy.md:
//   node scripts/accuracy.mjs [--characters 85000] [--text FILE] [--python PYTHON] [--svg FILE]
// SmolLM2 is fetched, a text gathered by make-eval-text.mjs (or yours is taken) and scored in windows of
// 512, every setting against f32 weights and an f32 KV cache. With PYTHON, an interpreter that has torch,
// transformers, accelerate and gguf, transformers computes the perplexity too.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fetchSmollm2 } from './fetch-smollm2.mjs'
import { fromSource } from './from-source.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const context = 512
const settings = [
  { weights: 'int8', kvCache: 'bf16' },
  { weights: 'f32', kvCache: 'int8' },
  { weights: 'int8', kvCache: 'int8' },
  { weights: 'bf16', kvCache: 'bf16' },
]
/** The setting that the picture shows. */
const drawn = settings[2]

const { values: options } = parseArgs({
  options: {
    characters: { type: 'string', default: '85000' },
    text: { type: 'string' },
    python: { type: 'string' },
    svg: { type: 'string' },
  },
})

const { evaluationPicture, loadModel, Scores } = await fromSource(
  'accuracy',
  `export { loadModel } from './lib/index.ts'
   export { evaluationPicture } from './lib/eval/picture.ts'
   export { Scores } from './lib/eval/score.ts'`,
)

/** Runs beside our own evaluation; resolves to what it printed. */
function transformers(model, text) {
  const program = join(root, 'test/models/smollm2/perplexity.py')
  const child = spawn(options.python, [program, model, text, String(context)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', bytes => {
    output += bytes
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve(output.trim()) : reject(new Error(`${program} ended with ${code}.`)),
    )
  })
}

/** One pass: the reference's logits of a window serve all settings. */
async function score(path, text) {
  const load = setting => loadModel(path, { ...setting, maxContext: context })
  const reference = await load({ weights: 'f32', kvCache: 'f32' })
  const tested = await Promise.all(settings.map(load))
  const ids = reference.tokenizer.encode(text)
  const { vocabSize } = reference.info
  const totals = settings.map(() => new Scores(vocabSize))
  const windows = []
  for (let start = 0; start + 1 < ids.length; start += context) {
    const window = ids.slice(start, start + context)
    const right = await reference.logits(window)
    for (const [i, model] of tested.entries()) {
      const own = new Scores(vocabSize)
      own.add(window, await model.logits(window), right)
      totals[i].merge(own)
      if (settings[i] === drawn) windows.push(own)
    }
    console.error(`${start + window.length} of ${ids.length} tokens`)
  }
  for (const model of [reference, ...tested]) await model.dispose()
  return { totals, windows }
}

function row({ weights, kvCache }, scores) {
  const change = 100 * (scores.perplexity / scores.referencePerplexity - 1)
  const cells = [
    weights,
    kvCache,
    scores.perplexity.toFixed(6),
    `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(3)} %`,
    scores.klMean.toFixed(5),
    `${(100 * scores.top1Agreement).toFixed(2)} %`,
    scores.maxLogitError.toFixed(2),
  ]
  return `| ${cells.join(' | ')} |`
}

const folder = mkdtempSync(join(tmpdir(), 'conclave-accuracy-'))
try {
  const model = await fetchSmollm2()
  const file = options.text ?? join(folder, 'text.txt')
  if (options.text === undefined) {
    const gather = join(root, 'scripts/make-eval-text.mjs')
    execFileSync(process.execPath, [gather, file, options.characters], { stdio: 'inherit' })
  }
  const text = readFileSync(file, 'utf8')
  const other = options.python === undefined ? null : transformers(model, file)
  const { totals, windows } = await score(model, text)
  const hash = createHash('sha256').update(text).digest('hex')
  console.log(`\n${totals[0].tokens} tokens scored in windows of ${context}; text ${hash}\n`)
  console.log(
    '| weights | KV cache | perplexity | change | mean KL, nats | top-1 alike | largest logit error |',
  )
  console.log('|---|---|---|---|---|---|---|')
  if (other !== null) console.log(`| transformers, f32 | | ${await other} | | | | |`)
  console.log(`| f32 | f32 | ${totals[0].referencePerplexity.toFixed(6)} | | | | |`)
  for (const [i, setting] of settings.entries()) console.log(row(setting, totals[i]))
  if (options.svg !== undefined) {
    const title = `SmolLM2: ${drawn.weights} weights and ${drawn.kvCache} KV cache against f32`
    writeFileSync(options.svg, evaluationPicture(title, windows))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
