/**
 * The parsed files of a tokenizer → the `tokenizer.*` metadata of a GGUF file.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { isObject } from '../files/config-reader.ts'
import { wordRules } from '../files/gguf-pre-tokenizers.ts'
import type { ModelFolder } from '../files/model-folder.ts'
import type { GgufEntry, GgufValue } from './gguf-bytes.ts'

const prefix = 'tokenizer.ggml.'
const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const

const string = (value: string): GgufValue => ({ type: 'string', value })
const id = (value: number): GgufValue => ({ type: 'u32', value })

type Source = Pick<ModelFolder, 'tokenizer' | 'config' | 'generation'>

/**
 * Tokens, merges, special ids and the chat template; a model without a tokenizer says so.
 * Throws `unsupported_model` where the format has no name for how this tokenizer cuts words.
 */
export function vocabularyEntries({ tokenizer, config, generation }: Source): GgufEntry[] {
  const known = { bos: config.bosTokenId, stops: generation.eosTokenIds }
  if (tokenizer === null) {
    const ids = specialEntries(specialIds({}, new Map(), known))
    return [[`${prefix}model`, string('no_vocab')], ...ids]
  }
  const file = objectAt(tokenizer.tokenizer)
  const model = objectAt(file.model)
  if (model.type !== 'BPE' || model.byte_fallback === true)
    throw unsupported('a tokenizer that is not byte-level BPE')
  const pre = nameOfRules(file, model)
  const tokens = tokenList(file, model, config.vocabSize)
  const entries: GgufEntry[] = [
    [`${prefix}model`, string('gpt2')],
    [`${prefix}pre`, string(pre)],
    [`${prefix}tokens`, { type: 'string[]', value: tokens.texts }],
    [`${prefix}token_type`, { type: 'i32[]', value: tokens.types }],
    [`${prefix}merges`, { type: 'string[]', value: mergeList(model.merges) }],
  ]
  const special = specialIds(objectAt(tokenizer.tokenizerConfig), tokens.ids, known)
  entries.push(...specialEntries(special))
  const around = surroundings(file.post_processor, special, tokens.ids)
  for (const name of ['bos', 'eos'] as const)
    entries.push([`${prefix}add_${name}_token`, { type: 'bool', value: around.has(name) }])
  if (tokenizer.chatTemplate !== null)
    entries.push(['tokenizer.chat_template', string(tokenizer.chatTemplate)])
  return entries
}

interface Tokens {
  /** (vocabSize) ids without a token have a text of their own, which never comes up. */
  readonly texts: readonly string[]
  readonly types: readonly number[]
  readonly ids: ReadonlyMap<string, number>
}

function tokenList(
  file: Record<string, unknown>,
  model: Record<string, unknown>,
  size: number,
): Tokens {
  const texts = Array.from({ length: size }, (_, i) => `[PAD${i}]`)
  const types = new Array<number>(size).fill(tokenTypes.unused)
  const ids = new Map<string, number>()
  const put = (content: string, at: unknown, type: number) => {
    if (typeof at !== 'number' || !(at in texts))
      throw unsupported(`a token beyond the ${size} rows of the embedding`)
    texts[at] = content
    types[at] = type
    ids.set(content, at)
  }
  const { vocab } = model
  const entries = isIterable<[string, unknown]>(vocab) ? vocab : Object.entries(objectAt(vocab))
  for (const [content, at] of entries) put(content, at, tokenTypes.normal)
  for (const token of Array.isArray(file.added_tokens) ? file.added_tokens : []) {
    const { content, id: at, special } = objectAt(token)
    put(String(content), at, special === true ? tokenTypes.control : tokenTypes.userDefined)
  }
  return { texts, types, ids }
}

function mergeList(merges: unknown): string[] {
  const list: unknown[] = isIterable(merges) ? [...merges] : []
  return list.map(pair => (Array.isArray(pair) ? pair.join(' ') : String(pair)))
}

/** `tokenizer.ggml.pre`: the published tokenizer that cuts words by the same rules. */
function nameOfRules(file: Record<string, unknown>, model: Record<string, unknown>): string {
  const own = canonical([file.normalizer ?? null, file.pre_tokenizer ?? null])
  for (const [name, rules] of wordRules) {
    const known = canonical([rules.normalizer, rules.pre_tokenizer])
    if (own === known && rules.ignoreMerges === (model.ignore_merges === true)) return name
  }
  const known = [...wordRules.keys()].join(', ')
  throw unsupported(`rules for words that have no name among ${known}`)
}

/** Keys in order, and without what changes no id. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'trim_offsets' || inner === null) return undefined
    if (!isObject(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** GGUF's name of a special token → its id. Three ids may end a reply. */
function specialIds(
  config: Record<string, unknown>,
  ids: ReadonlyMap<string, number>,
  model: { bos: number | null; stops: readonly number[] },
): Map<string, number> {
  const named = (key: string) => {
    const token = config[key]
    const content = isObject(token) ? token.content : token
    return typeof content === 'string' ? ids.get(content) : undefined
  }
  const stops = [named('eos_token'), ...model.stops].filter(stop => stop !== undefined)
  const [eos, eot, eom] = [...new Set(stops)]
  const found: [string, number | null | undefined][] = [
    ['bos', named('bos_token') ?? model.bos],
    ['eos', eos],
    ['eot', eot],
    ['eom', eom],
    ['unknown', named('unk_token')],
    ['padding', named('pad_token')],
  ]
  return new Map(found.filter((entry): entry is [string, number] => entry[1] != null))
}

const specialEntries = (special: ReadonlyMap<string, number>): GgufEntry[] =>
  [...special].map(([name, value]) => [`${prefix}${name}_token_id`, id(value)])

/** Which special tokens go around a text that is not a chat. */
function surroundings(
  processor: unknown,
  special: ReadonlyMap<string, number>,
  ids: ReadonlyMap<string, number>,
): Set<'bos' | 'eos'> {
  const { type, processors, single } = objectAt(processor)
  const found = new Set<'bos' | 'eos'>()
  if (type === 'Sequence')
    for (const part of Array.isArray(processors) ? processors : [])
      for (const name of surroundings(part, special, ids)) found.add(name)
  if (type !== 'TemplateProcessing' || !Array.isArray(single)) return found
  const text = single.findIndex(piece => isObject(piece) && 'Sequence' in piece)
  single.forEach((piece, i) => {
    if (i === text) return
    const name = i < text ? 'bos' : 'eos'
    const content = objectAt(objectAt(piece).SpecialToken).id
    if (typeof content !== 'string' || ids.get(content) !== special.get(name) || found.has(name))
      throw unsupported(`a text that ${i < text ? 'begins' : 'ends'} with other special tokens`)
    found.add(name)
  })
  return found
}

/** What a GGUF file has in place of objects and lists of many members. */
function isIterable<T>(value: unknown): value is Iterable<T> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function objectAt(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

const unsupported = (what: string) =>
  new ConclaveError(
    'unsupported_model',
    `Expected a tokenizer that GGUF can describe, but this one has ${what}. Write a ` +
      'compressed-tensors checkpoint instead.',
  )
