/**
 * Prompts of /v1/completions and /v1/embeddings → token ids.
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { badField } from '../refusal.ts'
import { type ServedModel, tokenizerOf } from '../served-model.ts'

export type WirePrompts = string | number[] | string[] | number[][]

export function promptList(prompts: WirePrompts): (string | number[])[] {
  if (typeof prompts === 'string') return [prompts]
  return typeof prompts[0] === 'number' ? [prompts as number[]] : (prompts as string[] | number[][])
}

/**
 * Ids of each prompt. Control tokens in a text stay text, as everywhere. Other requests have their
 * turns between two prompts, and within a long one.
 */
export async function promptTokens(
  model: ServedModel,
  prompts: readonly (string | number[])[],
  param: string,
): Promise<ArrayLike<number>[]> {
  const all: ArrayLike<number>[] = []
  for (const prompt of prompts) {
    if (all.length > 0) await nextTurn()
    all.push(typeof prompt === 'string' ? await idsOf(model, prompt, param) : prompt)
  }
  return all
}

async function idsOf(model: ServedModel, text: string, param: string): Promise<Uint32Array> {
  const ids = await tokenizerOf(model).encodeInSlices(text, { addSpecialTokens: true })
  if (ids.length === 0) throw badField(param, `Expected ${param} to have at least one token.`)
  return ids
}
