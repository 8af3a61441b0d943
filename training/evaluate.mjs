// Ask the default model everything in eval/*.jsonl through Conclave, greedily, and count what is right.
//
//   node training/evaluate.mjs [--model default-model] [--weights int8] [--limit 50] [--task sums] [--parallel 8] [--show 3] [--json]
//   node training/evaluate.mjs --weights bf16 --compare int8       # fails where a task keeps less than 97 %
//
// Held-out samples count by exact match. Hand-written ones count when the answer equals `expected`, or
// holds every `contains` and none of `excludes`.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = path => fileURLToPath(new URL(path, import.meta.url))

const FLOORS = {
  meetings_en: 0.97,
  meetings_zh: 0.95,
  redact: 0.97,
  json: 0.97,
  qa: 0.95,
  lookup: 0.9,
  sort: 0.8,
  sums: 0.8,
  'hand-written': 0.8,
}

/** Share of its right answers that a task keeps with other weights. */
const KEPT = 0.97

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: here('../default-model') },
    weights: { type: 'string', default: 'auto' },
    compare: { type: 'string' },
    library: { type: 'string', default: here('../dist/index.mjs') },
    limit: { type: 'string', default: '0' },
    parallel: { type: 'string', default: '8' },
    show: { type: 'string', default: '0' },
    task: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

const load = name =>
  readFileSync(here(`eval/${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map(JSON.parse)

function isRight(sample, text) {
  const answer = text.trim()
  if (sample.expected !== undefined) return answer === sample.expected
  const hasAll = (sample.contains ?? []).every(part => answer.includes(part))
  return hasAll && !(sample.excludes ?? []).some(part => answer.includes(part))
}

function samplesOf() {
  const limit = Number(options.limit)
  const samples = [
    ...load('held_out').map(sample => ({ ...sample, group: sample.task })),
    ...load('hand_written').map(sample => ({ ...sample, group: 'hand-written' })),
  ]
  const taken = {}
  return samples.filter(({ group }) => {
    taken[group] = (taken[group] ?? 0) + 1
    return (!options.task || group === options.task) && (!limit || taken[group] <= limit)
  })
}

/** What the model with these weights answers right: { task: { right, asked } }. */
async function scoresWith(weights) {
  const { loadModel } = await import(options.library)
  const model = await loadModel(options.model, { weights })
  const queue = samplesOf()
  const scores = {}
  let shown = Number(options.show)

  async function work() {
    for (let sample = queue.shift(); sample; sample = queue.shift()) {
      scores[sample.group] ??= { right: 0, asked: 0 }
      const score = scores[sample.group]
      const request = model.chat(sample.messages, { maxTokens: 256, temperature: 0 })
      const { text } = await request.result()
      const right = isRight(sample, text)
      score.asked += 1
      score.right += right ? 1 : 0
      if (right || shown <= 0) continue
      shown -= 1
      const wanted =
        sample.expected ?? JSON.stringify({ contains: sample.contains, excludes: sample.excludes })
      console.error(
        `--- ${sample.task}\n${sample.messages.at(-1).content}\nWANTED ${wanted}\nGOT ${text}`,
      )
    }
  }
  await Promise.all(Array.from({ length: Number(options.parallel) }, work))
  await model.dispose()
  return scores
}

const percent = value => `${(100 * value).toFixed(1)} %`

function printScores(scores) {
  console.log('| Task | Right | Asked | Accuracy | Floor |\n| --- | ---: | ---: | ---: | ---: |')
  for (const [task, { right, asked }] of Object.entries(scores)) {
    const floor = FLOORS[task]
    console.log(
      `| ${task} | ${right} | ${asked} | ${percent(right / asked)} | ${floor ? percent(floor) : ''} |`,
    )
    if (floor && right / asked < floor) process.exitCode = 1
  }
}

/** `other` weights must keep KEPT of what `scores` has right in every task. */
function printComparison(scores, other) {
  const hash = createHash('sha256').update(readFileSync(join(options.model, 'model.safetensors')))
  console.log(`model.safetensors: sha256 ${hash.digest('hex')}\n`)
  console.log(`| Task | Asked | ${options.weights} | ${options.compare} | Kept |`)
  console.log('| --- | ---: | ---: | ---: | ---: |')
  for (const [task, { right, asked }] of Object.entries(scores)) {
    const kept = right === 0 ? 1 : other[task].right / right
    console.log(`| ${task} | ${asked} | ${right} | ${other[task].right} | ${percent(kept)} |`)
    if (kept < KEPT) process.exitCode = 1
  }
}

async function main() {
  const started = performance.now()
  const scores = await scoresWith(options.weights)
  if (options.compare) {
    printComparison(scores, await scoresWith(options.compare))
    return
  }
  const seconds = (performance.now() - started) / 1000
  if (options.json) {
    const accuracy = Object.fromEntries(
      Object.entries(scores).map(([task, { right, asked }]) => [
        task,
        { right, asked, accuracy: right / asked },
      ]),
    )
    console.log(JSON.stringify({ seconds, accuracy }))
    return
  }
  printScores(scores)
  console.log(`\n${seconds.toFixed(0)} s`)
}

await main()
