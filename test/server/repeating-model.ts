import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { fakeModel } from '../engine/fake-model.ts'

const file = join(import.meta.dirname, '../engine/byte-tokenizer.json')
const tokenizer = ModelTokenizer.fromFiles({ tokenizer: JSON.parse(readFileSync(file, 'utf8')) })
const end = tokenizer.tokenizer.controlTokens[0]!.id

/** A model that says its prompt again, byte by byte, and {@link promptOf} its prompts. */
export function repeatingModel() {
  const { model } = fakeModel({
    tokenizer,
    vocabSize: tokenizer.tokenizer.vocabSize,
    eosTokenIds: [end],
    pageSize: 16,
    numPages: 8192,
    maxContext: 4096,
    maxBatchTokens: 1024,
    maxSequences: 64,
    next: tokens => tokens[tokens.length - (tokens.indexOf(end) + 1)] ?? end,
  })
  return model
}

/** The ids of a prompt that makes the model say `text`. */
export const promptOf = (text: string): number[] => [...tokenizer.encode(text), end]
