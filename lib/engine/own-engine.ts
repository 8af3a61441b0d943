/**
 * The engine that every model has, as one that `createEngine` makes.
 * @module
 */
import { Model } from './model.ts'
import { expertLoads, ModelEngine } from './model-engine.ts'
import { PromptRequests } from './prompt-requests.ts'
import { engineGenerateNames } from './request-options.ts'
import { TextRequests } from './text-requests.ts'

/** On the model's own pages, so that it takes no memory; disposing of it ends the model. */
export function ownEngine(model: Model): ModelEngine {
  const { engine, host, others: _, ...parts } = Model.partsOf(model)
  const sizes = { vocabSize: parts.info.vocabSize, maxContext: parts.info.maxContext }
  return new ModelEngine({
    engine,
    texts: new TextRequests({ ...parts, ...sizes, engine, names: engineGenerateNames }),
    prompts: new PromptRequests({ ...sizes, engine }),
    expertLoads: () => expertLoads(host.executor.expertCounts(0), parts.routing.layers),
    onDispose: () => void model.dispose(),
  })
}
