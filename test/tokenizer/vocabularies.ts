import { existsSync, readFileSync } from 'node:fs'
import type { ModelTokenizerFiles } from '../../lib/chat/model-tokenizer.ts'
import { qwen3Files } from './qwen3.ts'
import { smollm2Files, smollm2Missing } from './smollm2.ts'

const folder = new URL('../../default-model/', import.meta.url)
const text = (name: string) => readFileSync(new URL(name, folder), 'utf8')

function ownFiles(): ModelTokenizerFiles {
  return {
    tokenizer: JSON.parse(text('tokenizer.json')),
    tokenizerConfig: JSON.parse(text('tokenizer_config.json')),
    chatTemplate: text('chat_template.jinja'),
  }
}

/** The three real vocabularies with their chat templates; those whose files are there. */
export const vocabularies = new Map<string, ModelTokenizerFiles>([['qwen3', qwen3Files]])
if (smollm2Missing === null) vocabularies.set('smollm2', await smollm2Files())
if (existsSync(new URL('tokenizer.json', folder))) vocabularies.set('default', ownFiles())

/** Why a vocabulary is not among them, or null. */
export const vocabularyMissing =
  smollm2Missing ?? (vocabularies.has('default') ? null : 'default-model/ has no tokenizer.json')
