/**
 * Prompts of /v1/completions and /v1/embeddings → token ids.
 * @module
 */
import { badField } from '../refusal.ts'
import { type ServedModel, tokenizerOf } from '../served-model.ts'

export type WirePrompts = string | number[] | string[] | number[][]

export function promptList(prompts: WirePrompts): (string | number[])[] {
  if (typeof prompts === 'string') return [prompts]
  return typeof prompts[0] === 'number' ? [prompts as number[]] : (prompts as string[] | number[][])
}

/** Control tokens in a text stay text, as everywhere. */
export function promptTokens(
  model: ServedModel,
  prompt: string | number[],
  param: string,
): ArrayLike<number> {
  if (typeof prompt !== 'string') return prompt
  const ids = tokenizerOf(model).tokenizer.encode(prompt, { addSpecialTokens: true })
  if (ids.length === 0) throw badField(param, `Expected ${param} to have at least one token.`)
  return ids
}
