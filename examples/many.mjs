// Many requests at once share one batch; each has its own seed, and the same answer alone or together.
import { loadModel } from 'conclave'

const model = await loadModel()
const ask = seed =>
  model
    .chat([{ role: 'user', content: 'Say hello.' }], { temperature: 0.8, seed, maxTokens: 24 })
    .result()

const together = await Promise.all([1, 2, 3, 4, 5, 6].map(ask))
for (const { text } of together) console.log(text)
const alone = await ask(3)
console.log('request 3 alone gives the same text:', alone.text === together[2].text)
await model.dispose()
