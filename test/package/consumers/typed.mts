import {
  ConclaveError,
  type ErrorCode,
  type GenerationResult,
  loadModel,
  type Model,
} from 'conclave'
import { createGuard, type GuardResult } from 'conclave/guard'

export async function ask(folder?: string): Promise<GenerationResult> {
  await using model: Model = await loadModel(folder, { weights: 'int8' })
  for await (const { text, tokenIds } of model.generate('Hello', { maxTokens: 4, seed: 1 })) {
    const length: number = text.length + tokenIds.length
    console.log(length)
  }
  const logits: Float32Array = await model.logits([1, 2])
  console.log(logits.length, model.info.maxContext)
  // @ts-expect-error: there is no such option
  model.generate('Hello', { maxToken: 4 })
  return model.chat([{ role: 'user', content: 'Hello' }]).result()
}

export const codeOf = (error: unknown): ErrorCode | undefined =>
  error instanceof ConclaveError ? error.code : undefined

export const scanned: GuardResult = createGuard('default').scan('text')
