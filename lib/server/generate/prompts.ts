/**
 * Prompts of /v1/completions and /v1/embeddings → token ids.
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { guardedIds, guardedPrompt, type Looked } from '../../engine/guarded-input.ts'
import { badField } from '../refusal.ts'
import { type ServedModel, tokenizerOf } from '../served-model.ts'

export type WirePrompts = string | number[] | string[] | number[][]

export function promptList(prompts: WirePrompts): (string | number[])[] {
  if (typeof prompts === 'string') return [prompts]
  return typeof prompts[0] === 'number' ? [prompts as number[]] : (prompts as string[] | number[][])
}

/** A prompt that is written into the answer: it passes the guard both ways. */
export function echoedPrompt(
  { engine, tokenizer }: ServedModel,
  prompt: string | number[],
): string | number[] {
  const { guard } = engine
  if (guard === undefined || tokenizer === null) return prompt
  let shown: string | ArrayLike<number> = prompt
  for (const direction of ['input', 'output'] as const) {
    const looked: Looked<string | ArrayLike<number>> =
      typeof shown === 'string'
        ? guardedPrompt(guard, shown, direction)
        : guardedIds(guard, tokenizer.tokenizer, shown, direction)
    if (looked.value === undefined)
      throw badField('prompt', 'Expected a prompt to echo that the policy of the guard lets pass.')
    shown = looked.value
  }
  return typeof shown === 'string' ? shown : Array.from(shown)
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
