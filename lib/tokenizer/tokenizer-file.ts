/**
 * tokenizer.json as plain checked data: nothing past this page meets an unchecked value.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { Slices } from '../slices.ts'
import { TextList, textOf, Units } from './text-list.ts'
import { Vocabulary } from './vocabulary.ts'

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
  vocab: Vocabulary
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
/** Fewer where they are long. */
const unitsPerSlice = 1 << 16
const blank = 0x20

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
  if (unkToken !== null && vocab.get(unkToken) === undefined) {
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

/** That of a GGUF file is a vocabulary already. */
function* readVocab(value: unknown): Slices<Vocabulary> {
  if (value instanceof Vocabulary) return value
  if (!isObject(value)) throw invalidFile('expected an object "model.vocab"')
  const tokens = Object.keys(value)
  if (tokens.length === 0) throw invalidFile('expected at least one token in "model.vocab"')
  const vocab = new Vocabulary(yield* TextList.of(tokens))
  for (const [place, token] of tokens.entries()) {
    const id = readId(value[token], token)
    if (vocab.hasId(id)) throw invalidFile(`expected each id once, but ${id} repeats`)
    vocab.add(place, id)
    if (place % entriesPerSlice === 0) yield
  }
  return vocab
}

/** Pairs of texts, or the list of a GGUF file. */
function* readMerges(value: unknown, vocab: Vocabulary): Slices<Merges> {
  const list = value instanceof TextList ? value : null
  if (list === null && !Array.isArray(value)) throw invalidFile('expected a list "model.merges"')
  const count = (value as TextList | unknown[]).length
  if (count > maxMerges) {
    throw invalidFile(`expected at most ${maxMerges} merges, but it has ${count}`)
  }
  const merges: Merges = {
    left: new Int32Array(count),
    right: new Int32Array(count),
    merged: new Int32Array(count),
  }
  const pair = new Units()
  const idOf = (from: number, to: number, rank: number) => {
    const id = vocab.find(pair.units, from, to)
    if (id < 0) throw unknownInMerge(textOf(pair.units, from, to), rank)
    return id
  }
  let work = 0
  for (let rank = 0; rank < count; rank++) {
    const middle =
      list === null
        ? writePair(pair, (value as unknown[])[rank], rank)
        : writeListed(pair, list, rank)
    merges.left[rank] = idOf(0, middle, rank)
    merges.right[rank] = idOf(middle, pair.length, rank)
    merges.merged[rank] = idOf(0, pair.length, rank)
    work += pair.length
    if (rank % entriesPerSlice !== 0 && work < unitsPerSlice) continue
    work = 0
    yield
  }
  return merges
}

/** Leaves both texts of a merge in `pair`, and says where the second begins. */
function writePair(pair: Units, entry: unknown, rank: number): number {
  const [left, right] = readPair(entry, rank)
  pair.length = 0
  pair.addText(left)
  pair.addText(right)
  return left.length
}

/** The same of "left right", with one blank. */
function writeListed(pair: Units, { units, offsets }: TextList, rank: number): number {
  const [from, to] = [offsets[rank]!, offsets[rank + 1]!]
  let middle = from
  while (middle < to && units[middle] !== blank) middle++
  pair.length = 0
  pair.add(units, from, middle)
  pair.add(units, middle + 1, to)
  const right = pair.units.subarray(middle - from, pair.length)
  if (middle === from || right.length === 0 || right.includes(blank)) throw notAPair(rank)
  return middle - from
}

function readPair(entry: unknown, rank: number): [left: string, right: string] {
  const parts: unknown = typeof entry === 'string' ? entry.split(' ') : entry
  if (!Array.isArray(parts) || parts.length !== 2) throw notAPair(rank)
  const [left, right] = parts as [unknown, unknown]
  if (typeof left !== 'string' || typeof right !== 'string' || !left || !right) {
    throw invalidFile(`expected merge ${rank} to be two texts`, { merge: rank })
  }
  return [left, right]
}

const notAPair = (rank: number) =>
  invalidFile(`expected merge ${rank} to be a pair`, { merge: rank })

function unknownInMerge(token: string, rank: number): ConclaveError {
  const name = JSON.stringify(token.slice(0, 60))
  return invalidFile(`merge ${rank} needs ${name}, which is not in the vocabulary`, { merge: rank })
}

export function* readAddedTokens(file: JsonObject, vocab: Vocabulary): Slices<AddedToken[]> {
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
    const atId = vocab.text(id)
    if (atId !== undefined && atId !== content) throw invalidFile(`id ${id} belongs to two tokens`)
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
