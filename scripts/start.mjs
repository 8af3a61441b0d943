// npm start: sets everything up, then lets the embedded model answer three sample requests, or the one on the command line.
import { setupOrExit } from './setup.mjs'

await setupOrExit()
const { loadModel } = await import('../dist/index.mjs')

const notes =
  'Anna will send the budget to the board by Friday. Tom Reed will book the room by 12 March. The coffee was good.'
const samples = [
  `Turn these meeting notes into a table of action items:\n${notes}`,
  '把下面的会议纪要整理成任务表格：\n李雷负责在周五之前完成预算报告。韩梅梅负责在3月12日之前预订会议室。',
  'Sort these words: pear, apple, fig, cherry',
]
const own = process.argv.slice(2).join(' ')

const model = await loadModel()
const { architecture, parametersTotal, parametersActive, device, kernels, threads } = model.info
const millions = n => `${(n / 1e6).toFixed(1)} M`
console.log(
  `${architecture}, ${millions(parametersTotal)} parameters (${millions(parametersActive)} active a token) on ${device}, ${kernels}, ${threads} threads\n`,
)
let tokens = 0
let ms = 0
for (const content of own ? [own] : samples) {
  if (!own) console.log(`\x1b[2m> ${content.replaceAll('\n', '\n> ')}\x1b[0m`)
  const start = performance.now()
  const answer = model.chat([{ role: 'user', content }], { maxTokens: 300 })
  for await (const { text } of answer) process.stdout.write(text)
  const { usage } = await answer.result()
  tokens += usage.completionTokens
  ms += performance.now() - start
  console.log('\n')
}
console.log(
  `${tokens} tokens in ${(ms / 1000).toFixed(2)} s: ${((tokens / ms) * 1000).toFixed(0)} tokens/s`,
)
await model.dispose()
