// An AbortSignal ends a request within one step; what was made so far is kept.
import { loadModel } from 'conclave'

const model = await loadModel()
const signal = AbortSignal.timeout(30)
const prompt = model.tokenizer.encode('Once upon a time')
const { finishReason, usage } = await model
  .generate(prompt, { maxTokens: 1500, ignoreEos: true, signal })
  .result()
console.log(`${finishReason} after ${usage.completionTokens} tokens`)
await model.dispose()
