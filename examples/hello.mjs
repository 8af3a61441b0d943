// Three lines: load the embedded model, ask, print.
import { loadModel } from 'conclave'

const model = await loadModel()
const reply = await model
  .chat([{ role: 'user', content: 'Sort these words: pear, apple, fig' }])
  .result()
console.log(reply.text)
await model.dispose()
