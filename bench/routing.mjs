// Do random weights route as a trained model does? The distinct experts that a batch of unrelated
// tokens is sent to.
import { internals, watchSteps } from './internals.mjs'
import { greedy, randomIds } from './measure.mjs'

/**
 * Runs `batch` sequences together and counts experts in the step in which each of them has one
 * token.
 */
export async function liveExperts(folder, batch) {
  const { native, loadModel } = await internals()
  let routes
  const restore = watchSteps(native(), step => async stepBatch => {
    const result = await step({ ...stepBatch, wantRoutes: true })
    if (stepBatch.tokenIds.length === batch && stepBatch.kvLengths.length === batch)
      routes = result.routes
    return result
  })
  const model = await loadModel(folder, { maxContext: 64, maxSequences: batch, kvPages: 2 * batch })
  try {
    const { vocabSize, experts, expertsPerToken } = model.info
    const prompts = Array.from({ length: batch }, (_, i) => randomIds(8, vocabSize, i + 1))
    await Promise.all(prompts.map(ids => model.generate(ids, { ...greedy, maxTokens: 4 }).result()))
    const perLayer = batch * expertsPerToken
    const counts = []
    for (let at = 0; at < routes.length; at += perLayer)
      counts.push(new Set(routes.subarray(at, at + perLayer)).size)
    return {
      least: Math.min(...counts),
      mean: counts.reduce((a, b) => a + b) / counts.length,
      expected: experts * (1 - (1 - expertsPerToken / experts) ** batch),
    }
  } finally {
    await model.dispose()
    restore()
  }
}
