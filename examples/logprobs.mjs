// What the model thought of: log-probabilities of each token and its alternatives.
import { loadModel } from 'conclave'

const model = await loadModel()
const messages = [{ role: 'user', content: 'What is 4 + 5?' }]
for await (const { logprobs } of model.chat(messages, { maxTokens: 8, logprobs: 2 })) {
  for (const { text, logprob, top } of logprobs ?? []) {
    const others = top.map(t => `${JSON.stringify(t.text)} ${Math.exp(t.logprob).toFixed(3)}`)
    console.log(JSON.stringify(text), Math.exp(logprob).toFixed(3), '| best:', others.join(', '))
  }
}
await model.dispose()
