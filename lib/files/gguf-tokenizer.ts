/**
 * The vocabulary of a GGUF file → objects like a parsed tokenizer.json and tokenizer_config.json,
 * but that `model.vocab` is a Vocabulary and `model.merges` a TextList.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { inSlices, type Slices } from '../slices.ts'
import type { TextList } from '../tokenizer/text-list.ts'
import { Vocabulary } from '../tokenizer/vocabulary.ts'
import { shown } from './config-reader.ts'
import type { GgufKeys } from './gguf-metadata.ts'
import { type WordRules, wordRules } from './gguf-pre-tokenizers.ts'

const prefix = 'tokenizer.ggml.'
/** Values of `token_type`; 1 is a plain token. */
const tokenTypes = { control: 3, userDefined: 4, unused: 5 } as const
/** The largest published vocabularies have 262,208. */
const maxTokens = 2 ** 19
const tokensAtATime = 1 << 11
const specialNames = ['bos', 'eos', 'unknown', 'padding', 'seperator', 'eot', 'eom'] as const

interface VocabularyLists {
  readonly tokens: TextList
  /** (tokens) */
  readonly types: Float64Array
  readonly merges: TextList
}

/**
 * Null where the file has no tokenizer. The tokens' spelling is checked by the tokenizer itself.
 *
 * Throws `invalid_file` where lists or ids do not fit each other, `invalid_config` for a key of
 * another type, `unsupported_model` for a tokenizer that is not byte-pair encoding.
 */
export async function ggufTokenizer(keys: GgufKeys, vocabSize: number) {
  const model = keys.stringOrNull(`${prefix}model`)
  if (model === null || model === 'none' || model === 'no_vocab') return null
  if (model !== 'gpt2') {
    const kind = model === 'llama' ? ' (SentencePiece)' : ''
    throw unsupported(keys, 'model', model, '"gpt2" (byte-pair encoding)', kind)
  }
  const pre = keys.stringOrNull(`${prefix}pre`) ?? 'default'
  const rules = wordRules.get(pre)
  if (rules === undefined) throw unsupported(keys, 'pre', pre, [...wordRules.keys()].join(', '))
  const vocabulary = await readVocabulary(keys, vocabSize)
  const special = specialTokens(keys, vocabulary.tokens)
  return {
    tokenizer: await inSlices(tokenizerJson(vocabulary, rules, surround(keys, rules, special))),
    tokenizerConfig: {
      bos_token: special.get('bos') ?? null,
      eos_token: special.get('eos') ?? null,
      unk_token: special.get('unknown') ?? null,
      pad_token: special.get('padding') ?? null,
    },
  }
}

async function readVocabulary(keys: GgufKeys, vocabSize: number): Promise<VocabularyLists> {
  const count = keys.count(`${prefix}tokens`) ?? 0
  if (count === 0 || count > vocabSize) {
    throw misfit(keys, `1 to ${vocabSize} tokens, the rows of the embedding`, count)
  }
  if (count > maxTokens) throw misfit(keys, `at most ${maxTokens} tokens`, count)
  const tokens = (await keys.strings(`${prefix}tokens`))!
  // Without a list there is no telling how bytes join; an empty one says that they never do.
  const merges = await keys.strings(`${prefix}merges`)
  const types =
    (await keys.numbers(`${prefix}token_type`)) ?? new Float64Array(tokens.length).fill(1)
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

function* tokenizerJson(
  { tokens, types, merges }: VocabularyLists,
  rules: WordRules,
  postProcessor: unknown,
): Slices<unknown> {
  const vocab = new Vocabulary(tokens)
  const added: object[] = []
  for (let id = 0; id < tokens.length; id++) {
    if (id % tokensAtATime === 0) yield
    const type = types[id]
    if (type === tokenTypes.unused) continue
    if (!vocab.add(id, id)) throw duplicate(tokens.at(id), id)
    if (type !== tokenTypes.control && type !== tokenTypes.userDefined) continue
    added.push({ id, content: tokens.at(id), special: type === tokenTypes.control })
  }
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
function specialTokens(keys: GgufKeys, tokens: TextList): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const name of specialNames) {
    const id = keys.intOrNull(`${prefix}${name}_token_id`)
    if (id === null) continue
    if (id < 0 || id >= tokens.length)
      throw misfit(keys, `"${prefix}${name}_token_id" below ${tokens.length}`, id)
    found.set(name, tokens.at(id))
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
