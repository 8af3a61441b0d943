import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { fakeModel } from '../engine/fake-model.ts'

const file = join(import.meta.dirname, '../engine/byte-tokenizer.json')
const files = { tokenizer: JSON.parse(readFileSync(file, 'utf8')) }
const plain = ModelTokenizer.fromFiles(files)
const { id: end, content: endText } = plain.tokenizer.controlTokens[0]!

/**
 * A chat template whose model says the last message. `marks`: what the template teaches, as
 * `<think>` and `<tool_call>`; with `enable_thinking` true the prompt opens the thought, with false
 * it closes it.
 */
export const sayingTemplate = (marks: string) =>
  `{#- ${marks} #}{%- set tail = '' %}{%- if enable_thinking is defined %}` +
  "{%- set tail = '<think>\\n' if enable_thinking else '<think>\\n\\n</think>\\n\\n' %}{%- endif %}" +
  `{%- for _ in range(tail | length) %}#{%- endfor %}{{ messages[-1].content }}${endText}{{ tail }}`

/**
 * A model that says its prompt again, byte by byte, from behind as much as stands behind the end
 * token in it; {@link promptOf} makes its prompts.
 */
export function repeatingModel(chatTemplate?: string) {
  const tokenizer = ModelTokenizer.fromFiles({ ...files, ...(chatTemplate && { chatTemplate }) })
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
export const promptOf = (text: string): number[] => [...plain.encode(text), end]
