// Text as it is made; leaving the loop stops the work within one step.
import { loadModel } from 'conclave'

const model = await loadModel()
const messages = [{ role: 'user', content: 'Tell me a short story about a fox.' }]
let length = 0
for await (const { text } of model.chat(messages, { maxTokens: 80 })) {
  process.stdout.write(text)
  length += text.length
  if (length > 200) break
}
console.log()
await model.dispose()
