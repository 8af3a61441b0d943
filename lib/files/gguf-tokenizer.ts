/**
 * The vocabulary of a GGUF file → objects like a parsed tokenizer.json and tokenizer_config.json.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { shown } from './config-reader.ts'
import type { GgufKeys } from './gguf-metadata.ts'
import { type WordRules, wordRules } from './gguf-pre-tokenizers.ts'

const prefix = 'tokenizer.ggml.'
/** Values of `token_type`; 1 is a plain token. */
const tokenTypes = { control: 3, userDefined: 4, unused: 5 } as const
const specialNames = ['bos', 'eos', 'unknown', 'padding', 'seperator', 'eot', 'eom'] as const

interface Vocabulary {
  readonly tokens: readonly string[]
  /** (tokens) */
  readonly types: Float64Array
  readonly merges: readonly string[]
}

/**
 * Null where the file has no tokenizer. The tokens' spelling is checked by the tokenizer itself.
 *
 * Throws `invalid_file` where lists or ids do not fit each other, `invalid_config` for a key of
 * another type, `unsupported_model` for a tokenizer that is not byte-pair encoding.
 */
export function ggufTokenizer(keys: GgufKeys, vocabSize: number) {
  const model = keys.stringOrNull(`${prefix}model`)
  if (model === null || model === 'none' || model === 'no_vocab') return null
  if (model !== 'gpt2') {
    const kind = model === 'llama' ? ' (SentencePiece)' : ''
    throw unsupported(keys, 'model', model, '"gpt2" (byte-pair encoding)', kind)
  }
  const pre = keys.stringOrNull(`${prefix}pre`) ?? 'default'
  const rules = wordRules.get(pre)
  if (rules === undefined) throw unsupported(keys, 'pre', pre, [...wordRules.keys()].join(', '))
  const vocabulary = readVocabulary(keys, vocabSize)
  const special = specialTokens(keys, vocabulary.tokens)
  return {
    tokenizer: tokenizerJson(vocabulary, rules, surround(keys, rules, special)),
    tokenizerConfig: {
      bos_token: special.get('bos') ?? null,
      eos_token: special.get('eos') ?? null,
      unk_token: special.get('unknown') ?? null,
      pad_token: special.get('padding') ?? null,
    },
  }
}

function readVocabulary(keys: GgufKeys, vocabSize: number): Vocabulary {
  const tokens = keys.strings(`${prefix}tokens`) ?? []
  // Without a list there is no telling how bytes join; an empty one says that they never do.
  const merges = keys.strings(`${prefix}merges`)
  const types = keys.numbers(`${prefix}token_type`) ?? new Float64Array(tokens.length).fill(1)
  if (tokens.length === 0 || tokens.length > vocabSize) {
    throw misfit(keys, `1 to ${vocabSize} tokens, the rows of the embedding`, tokens.length)
  }
  if (types.length !== tokens.length) {
    throw misfit(keys, `a type for each of ${tokens.length} tokens`, types.length)
  }
  const scores = keys.count(`${prefix}scores`) ?? tokens.length
  if (scores !== tokens.length) {
    throw misfit(keys, `a score for each of ${tokens.length} tokens`, scores)
  }
  if (merges === null) throw misfit(keys, 'a list of merges', 0)
  return { tokens, types, merges }
}

function tokenizerJson(
  { tokens, types, merges }: Vocabulary,
  rules: WordRules,
  postProcessor: unknown,
) {
  const vocab: Record<string, number> = Object.create(null)
  const added: object[] = []
  tokens.forEach((content, id) => {
    const type = types[id]
    if (type === tokenTypes.unused) return
    if (content in vocab) throw duplicate(content, id)
    vocab[content] = id
    if (type !== tokenTypes.control && type !== tokenTypes.userDefined) return
    added.push({ id, content, special: type === tokenTypes.control })
  })
  return {
    added_tokens: added,
    normalizer: rules.normalizer,
    pre_tokenizer: rules.pre_tokenizer,
    post_processor: postProcessor,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', ignore_merges: rules.ignoreMerges, vocab, merges },
  }
}

/** Special token → its text. Throws `invalid_file` for an id that is no token. */
function specialTokens(keys: GgufKeys, tokens: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const name of specialNames) {
    const id = keys.intOrNull(`${prefix}${name}_token_id`)
    if (id === null) continue
    const token = tokens[id]
    if (token === undefined) {
      throw misfit(keys, `"${prefix}${name}_token_id" below ${tokens.length}`, id)
    }
    found.set(name, token)
  }
  return found
}

/** What goes around a text that is not a chat. */
function surround(keys: GgufKeys, rules: WordRules, special: ReadonlyMap<string, string>) {
  const wanted = (name: 'bos' | 'eos', fallback: boolean) => {
    const token = special.get(name)
    const adds = keys.boolOrNull(`${prefix}add_${name}_token`) ?? fallback
    return adds && token !== undefined ? [{ SpecialToken: { id: token, type_id: 0 } }] : []
  }
  const single = [
    ...wanted('bos', rules.addsBos),
    { Sequence: { id: 'A', type_id: 0 } },
    ...wanted('eos', false),
  ]
  return single.length === 1 ? null : { type: 'TemplateProcessing', single }
}

function misfit(keys: GgufKeys, expected: string, came: number): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    `Expected the tokenizer of ${keys.where} to have ${expected}, but it has ${came}.`,
    { expected, actual: came },
  )
}

function duplicate(content: string, id: number): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    `Expected each token of the GGUF file once, but ${shown(content)} comes again with id ${id}.`,
    { id },
  )
}

function unsupported(keys: GgufKeys, key: string, value: string, known: string, kind = '') {
  return new ConclaveError(
    'unsupported_model',
    `"${prefix}${key}" in ${keys.where} is ${shown(value)}${kind}: only ${known} is implemented. ` +
      'Take the Hugging Face folder of this model instead, if there is one.',
    { key: `${prefix}${key}` },
  )
}
