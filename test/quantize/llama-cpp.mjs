// Greedy answers of a GGUF file by node-llama-cpp and by Conclave, and whether both read prompts alike:
//   (mkdir PEER && cd PEER && npm init -y && npm install node-llama-cpp@3.22.1)   # outside the repository
//   node test/quantize/llama-cpp.mjs PEER FILE.gguf [PROMPT …]
// The file is what `conclave quantize MODEL FILE.gguf --format gguf` wrote; its model chats.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadModel } from '../../dist/index.mjs'

const [peer, file, ...given] = process.argv.slice(2)
if (file === undefined) {
  console.error('Usage: node test/quantize/llama-cpp.mjs PEER_FOLDER FILE.gguf [PROMPT …]')
  process.exit(2)
}
const prompts =
  given.length > 0 ? given : ['What is 17 plus 25?', 'Hi', 'Spell house backwards.', 'Sort 5, 3, 9']
const count = 48

/** In a process and a folder of its own: its threads and ours do not wait for one another. */
const program = `
  import { getLlama } from 'node-llama-cpp'
  const [file, jobs, count] = JSON.parse(process.argv[2])
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 })
  const answers = []
  for (const { text, ids } of jobs) {
    const context = await model.createContext({ contextSize: 1024, threads: 1 })
    const tokens = []
    const stream = context.getSequence().evaluate(ids, { temperature: 0, yieldEogToken: true })
    for await (const token of stream)
      if (tokens.push(token) >= count || model.isEogToken(token)) break
    answers.push({ ids: model.tokenize(text, true), tokens })
    await context.dispose()
  }
  console.log(JSON.stringify(answers))
  process.exit(0)
`

const model = await loadModel(file, { weights: 'f32', kvCache: 'f32' })
const ours = []
for (const content of prompts) {
  const { text, ids } = model.tokenizer.applyChatTemplate([{ role: 'user', content }])
  const options = { maxTokens: count, temperature: 0, repetitionPenalty: 1 }
  const answer = await model.generate(ids, options).result()
  ours.push({ content, text, ids: Array.from(ids), answer })
}
await model.dispose()

const input = JSON.stringify([resolve(file), ours.map(({ text, ids }) => ({ text, ids })), count])
const script = join(resolve(peer), 'conclave-answers.mjs')
writeFileSync(script, program)
const { status, stdout, stderr } = spawnSync(process.execPath, [script, input], {
  cwd: peer,
  encoding: 'utf8',
  timeout: 120_000,
})
if (status !== 0) throw new Error(`node-llama-cpp failed: ${stderr.slice(-500)}`)
const theirs = JSON.parse(stdout.trim().split('\n').at(-1))
let alike = 0
for (const [i, { content, ids, answer }] of ours.entries()) {
  const sameIds = String(theirs[i].ids) === String(ids)
  const sameText = String(theirs[i].tokens) === String(Array.from(answer.tokenIds))
  if (sameIds && sameText) alike++
  console.log(JSON.stringify({ content, sameIds, sameText, tokens: answer.tokenIds.length }))
}
console.log(`${alike} of ${ours.length} alike`)
process.exit(alike === ours.length ? 0 : 1)
