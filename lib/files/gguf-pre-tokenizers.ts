/**
 * `tokenizer.ggml.pre` → the parts of tokenizer.json that cut a text into words.
 *
 * GGUF stores a name where tokenizer.json stores the rule; each name stands for the published
 * tokenizer of that family.
 * @module
 */

export interface WordRules {
  readonly normalizer: unknown
  readonly pre_tokenizer: unknown
  /** A word that is a token stays whole. */
  readonly ignoreMerges: boolean
  /** Whether the family begins a text with its begin-of-text token. */
  readonly addsBos: boolean
}

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})

const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers })

const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})

/** The pattern of GPT-4's family; `digits` says how many make a word. */
const modernPattern = (digits: string) =>
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
  `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

const gpt2: WordRules = {
  normalizer: null,
  pre_tokenizer: byteLevel(true),
  ignoreMerges: false,
  addsBos: false,
}

const singleDigits: WordRules = {
  ...gpt2,
  pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
}

const qwen2: WordRules = {
  normalizer: { type: 'NFC' },
  pre_tokenizer: sequence(split(modernPattern('\\p{N}')), byteLevel(false)),
  ignoreMerges: false,
  addsBos: false,
}

const llama3: WordRules = {
  normalizer: null,
  pre_tokenizer: sequence(split(modernPattern('\\p{N}{1,3}')), byteLevel(false)),
  ignoreMerges: true,
  addsBos: true,
}

export const wordRules: ReadonlyMap<string, WordRules> = new Map([
  ['gpt-2', gpt2],
  ['default', gpt2],
  ['smollm', singleDigits],
  ['starcoder', singleDigits],
  ['refact', singleDigits],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', { ...qwen2, normalizer: null, addsBos: true }],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
])
