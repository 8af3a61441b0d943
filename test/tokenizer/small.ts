import { readFileSync } from 'node:fs'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'

/** One tokenizer of a few hundred tokens, and hashes of what the Hugging Face one answers. */
export interface SmallTokenizer {
  tokenizer: unknown
  /** First 8 hex digits of SHA-256 of the uint32 ids of each text, without control tokens. */
  plain: string[]
  control: string[]
  /** The same of the decoded text's UTF-8; the special tokens left out. */
  decoded: string[]
}

export const smallFixture: Record<string, SmallTokenizer> = JSON.parse(
  readFileSync(new URL('fixtures/small.json', import.meta.url), 'utf8'),
)

export const smallTokenizers: [string, Tokenizer][] = Object.entries(smallFixture).map(
  ([name, { tokenizer }]) => [name, Tokenizer.fromFiles({ tokenizer })],
)
