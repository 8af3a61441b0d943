/**
 * What the routes need of a model.
 * @module
 */
import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import type { Generation } from '../engine/generation.ts'
import type { Model } from '../engine/model.ts'
import type { EngineStats, ModelEngine } from '../engine/model-engine.ts'
import type { EngineGenerateOptions } from '../engine/request-options.ts'
import { ConclaveError } from '../errors.ts'

/** A model and its engine; a fake one in tests. */
export interface ServedModel {
  readonly maxContext: number
  readonly vocabSize: number
  readonly tokenizer: ModelTokenizer | null
  readonly engine: Pick<ModelEngine, 'generate' | 'score' | 'embed' | 'stats'> &
    Partial<Pick<ModelEngine, 'guard' | 'failure'>>
}

export function servedModel(model: Model, engine?: ModelEngine): ServedModel {
  const { info, tokenizer } = model
  const { maxContext, vocabSize } = info
  return { maxContext, vocabSize, tokenizer, engine: engine ?? model.engine }
}

/** The tokenizer; a 400 in a model without one. */
export function tokenizerOf({ tokenizer }: ServedModel): ModelTokenizer {
  if (tokenizer !== null) return tokenizer
  throw new ConclaveError(
    'invalid_request',
    'Expected token ids: the model folder has no tokenizer.json.',
  )
}

export type { EngineGenerateOptions, EngineStats, Generation }
