/**
 * tokenizer.json as plain checked data: nothing past this page meets an unchecked value.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { Slices } from '../slices.ts'

export type JsonObject = Record<string, unknown>

/** One entry of `added_tokens`. */
export interface AddedToken {
  id: number
  content: string
  /** Left out when special tokens are skipped while decoding. */
  special: boolean
  /** Swallows white space before it. */
  lstrip: boolean
  /** Swallows white space after it. */
  rstrip: boolean
  /** Matches only where no word character touches it. */
  singleWord: boolean
}

/** Ids of the two parts and of what they become, by rank. */
export interface Merges {
  left: Int32Array
  right: Int32Array
  merged: Int32Array
}

export interface BpeFile {
  vocab: Map<string, number>
  merges: Merges
  unkToken: string | null
  fuseUnk: boolean
  byteFallback: boolean
  ignoreMerges: boolean
}

const maxId = 2 ** 22
const maxMerges = 10_000_000
/** What a scan may look at from each place of a text; the longest published ones have some 40. */
const maxAddedTokenLength = 256
/** Most published tokenizers have a few thousand, those of speech models 65,000. */
const maxAddedTokens = 2 ** 17
/** Characters of all of them: each may become a node of the scanner. */
const maxAddedCharacters = 2 ** 21

/** Entries of the vocabulary, or merges, that are read at a time: under a millisecond. */
export const entriesPerSlice = 1 << 11

/** `invalid_file` in the form that every check here uses. */
export function invalidFile(what: string, details: JsonObject = {}): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    `tokenizer.json: ${what}. Download the file again.`,
    details,
  )
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Yields now and then: a vocabulary may have a million entries. */
export function* readModel(file: JsonObject): Slices<BpeFile> {
  const model = file.model
  if (!isObject(model)) throw invalidFile('expected an object "model"')
  const type = model.type ?? ('merges' in model ? 'BPE' : 'unknown')
  if (type !== 'BPE') {
    throw new ConclaveError(
      'unsupported_model',
      `Expected a tokenizer of type BPE, but tokenizer.json has ${JSON.stringify(type)}. ` +
        'Use a model with a BPE tokenizer.',
    )
  }
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']) {
    if (model[key]) throw unsupportedPart(`model.${key}`, model[key])
  }
  const vocab = yield* readVocab(model.vocab)
  const unkToken = typeof model.unk_token === 'string' ? model.unk_token : null
  if (unkToken !== null && !vocab.has(unkToken)) {
    throw invalidFile(`expected unk_token ${JSON.stringify(unkToken)} in the vocabulary`)
  }
  return {
    vocab,
    merges: yield* readMerges(model.merges, vocab),
    unkToken,
    fuseUnk: model.fuse_unk === true,
    byteFallback: model.byte_fallback === true,
    ignoreMerges: model.ignore_merges === true,
  }
}

function* readVocab(value: unknown): Slices<Map<string, number>> {
  if (!isObject(value)) throw invalidFile('expected an object "model.vocab"')
  const vocab = new Map<string, number>()
  const taken = new Set<number>()
  // That of a GGUF file is a Map.
  const given: ReadonlyMap<string, unknown> | null = value instanceof Map ? value : null
  for (const token of given?.keys() ?? Object.keys(value)) {
    const id = readId(given === null ? value[token] : given.get(token), token)
    if (taken.has(id)) throw invalidFile(`expected each id once, but ${id} repeats`)
    taken.add(id)
    vocab.set(token, id)
    if (vocab.size % entriesPerSlice === 0) yield
  }
  if (vocab.size === 0) throw invalidFile('expected at least one token in "model.vocab"')
  return vocab
}

function* readMerges(value: unknown, vocab: ReadonlyMap<string, number>): Slices<Merges> {
  if (!Array.isArray(value)) throw invalidFile('expected a list "model.merges"')
  const count = value.length
  if (count > maxMerges) {
    throw invalidFile(`expected at most ${maxMerges} merges, but it has ${count}`)
  }
  const merges: Merges = {
    left: new Int32Array(count),
    right: new Int32Array(count),
    merged: new Int32Array(count),
  }
  for (const [rank, entry] of value.entries()) {
    const [left, right] = readPair(entry, rank)
    merges.left[rank] = idInMerge(vocab, left, rank)
    merges.right[rank] = idInMerge(vocab, right, rank)
    merges.merged[rank] = idInMerge(vocab, left + right, rank)
    if (rank % entriesPerSlice === 0) yield
  }
  return merges
}

function readPair(entry: unknown, rank: number): [left: string, right: string] {
  const parts: unknown = typeof entry === 'string' ? entry.split(' ') : entry
  if (!Array.isArray(parts) || parts.length !== 2) {
    throw invalidFile(`expected merge ${rank} to be a pair`, { merge: rank })
  }
  const [left, right] = parts as [unknown, unknown]
  if (typeof left !== 'string' || typeof right !== 'string' || !left || !right) {
    throw invalidFile(`expected merge ${rank} to be two texts`, { merge: rank })
  }
  return [left, right]
}

function idInMerge(vocab: ReadonlyMap<string, number>, token: string, rank: number): number {
  const id = vocab.get(token)
  if (id !== undefined) return id
  const name = JSON.stringify(token.slice(0, 60))
  throw invalidFile(`merge ${rank} needs ${name}, which is not in the vocabulary`, { merge: rank })
}

export function* readAddedTokens(
  file: JsonObject,
  vocab: ReadonlyMap<string, number>,
): Slices<AddedToken[]> {
  const list = file.added_tokens ?? []
  if (!Array.isArray(list)) throw invalidFile('expected a list "added_tokens"')
  if (list.length > maxAddedTokens) {
    throw invalidFile(`expected at most ${maxAddedTokens} added tokens, but it has ${list.length}`)
  }
  const ids = new Set<number>()
  const contents = new Set<string>()
  const added: AddedToken[] = []
  let characters = 0
  for (const [i, entry] of list.entries()) {
    if (i % entriesPerSlice === 0) yield
    if (!isObject(entry)) throw invalidFile(`expected added token ${i} to be an object`)
    const { content } = entry
    if (typeof content !== 'string' || content === '' || content.length > maxAddedTokenLength) {
      throw invalidFile(`expected added token ${i} to have 1 to ${maxAddedTokenLength} characters`)
    }
    const id = readId(entry.id, content)
    if (ids.has(id) || contents.has(content)) {
      throw invalidFile(`expected each added token once, but ${JSON.stringify(content)} repeats`)
    }
    const inVocab = vocab.get(content)
    if (inVocab !== undefined && inVocab !== id) {
      throw invalidFile(`${JSON.stringify(content)} has id ${id} and, as a token, ${inVocab}`)
    }
    characters += content.length
    if (characters > maxAddedCharacters) {
      throw invalidFile(`expected added tokens of at most ${maxAddedCharacters} characters in all`)
    }
    ids.add(id)
    contents.add(content)
    added.push({
      id,
      content,
      special: entry.special === true,
      lstrip: entry.lstrip === true,
      rstrip: entry.rstrip === true,
      singleWord: entry.single_word === true,
    })
  }
  return added
}

function readId(id: unknown, token: string): number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= maxId) {
    const name = JSON.stringify(token.slice(0, 60))
    throw invalidFile(`expected the id of ${name} in [0, ${maxId}), but it is ${String(id)}`)
  }
  return id
}

/** `unsupported_model` for a part that would change the ids. */
export function unsupportedPart(where: string, value: unknown): ConclaveError {
  const shown = JSON.stringify(value)?.slice(0, 120) ?? String(value)
  return new ConclaveError(
    'unsupported_model',
    `tokenizer.json: "${where}" is ${shown}, which Conclave does not implement. ` +
      'Use a model with another tokenizer, or pass token ids.',
    { where },
  )
}
