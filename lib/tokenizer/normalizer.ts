/**
 * Text → normal form, before it is cut into words.
 * @module
 */
import {
  LowercaseNormalizer,
  NFCNormalizer,
  NFDNormalizer,
  NFKCNormalizer,
  NFKDNormalizer,
  PrependNormalizer,
  ReplaceNormalizer,
  StripAccentsNormalizer,
  StripNormalizer,
} from '@huggingface/tokenizers'
import { orderMarks } from './combining.ts'
import { checkPatterns } from './pattern.ts'
import { invalidFile, isObject, type JsonObject, unsupportedPart } from './tokenizer-file.ts'

export interface Normalizer {
  normalize(text: string): string
  /** Text may be cut before any ASCII character and normalised in pieces: Unicode's own forms. */
  inPieces: boolean
}

type Normalize = (text: string) => string

type NormalizerClass = new (config: never) => { normalize(text: string): string }

const kinds = new Map<unknown, NormalizerClass>([
  ['NFC', NFCNormalizer],
  ['NFD', NFDNormalizer],
  ['NFKC', NFKCNormalizer],
  ['NFKD', NFKDNormalizer],
  ['Lowercase', LowercaseNormalizer],
  ['Prepend', PrependNormalizer],
  ['Replace', ReplaceNormalizer],
  ['Strip', StripNormalizer],
  ['StripAccents', StripAccentsNormalizer],
])

const unicodeForms = new Set<unknown>(['NFC', 'NFD', 'NFKC', 'NFKD'])

export function readNormalizer(config: unknown): Normalizer {
  if (config === null || config === undefined) {
    return { normalize: text => text, inPieces: true }
  }
  if (!isObject(config)) throw invalidFile('expected an object "normalizer"')
  checkPatterns(config, 'normalizer')
  return { normalize: build(config), inPieces: unicodeForms.has(config.type) }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are ASCII too
const ascii = /^[\u0000-\u007f]*$/

const pieceLength = 1 << 15

/** What `normalize` gives, with pauses where the text is long and may be cut. */
export function* normalizeInSlices(
  { normalize, inPieces }: Normalizer,
  text: string,
): Generator<void, string> {
  if (!inPieces || text.length <= pieceLength) return normalize(text)
  let out = ''
  for (let start = 0; start < text.length; ) {
    let end = start + pieceLength
    while (end < text.length && text.charCodeAt(end) > 0x7f) end++
    out += normalize(text.slice(start, end))
    start = end
    yield
  }
  return out
}

function build(config: JsonObject): Normalize {
  if (config.type === 'Sequence') {
    const steps = config.normalizers
    if (!Array.isArray(steps)) throw invalidFile('expected a list "normalizer.normalizers"')
    const built = steps.map(step => {
      if (!isObject(step)) throw invalidFile('expected each normalizer to be an object')
      return build(step)
    })
    return text => built.reduce((value, normalize) => normalize(value), text)
  }
  const Kind = kinds.get(config.type)
  if (Kind === undefined) throw unsupportedPart('normalizer', config.type)
  checkShape(config)
  const normalizer = compile(Kind, config)
  // ASCII is in every form of Unicode's already.
  if (unicodeForms.has(config.type))
    return text => (ascii.test(text) ? text : normalizer.normalize(orderMarks(text)))
  return text => normalizer.normalize(text)
}

function checkShape(config: JsonObject): void {
  const { type, pattern } = config
  const isPattern = isObject(pattern) && [pattern.Regex, pattern.String].some(isText)
  if (type === 'Replace' && !(isPattern && isText(config.content ?? ''))) {
    throw invalidFile('expected a Replace with a pattern and a content')
  }
  if (type === 'Prepend' && !isText(config.prepend)) {
    throw invalidFile('expected a Prepend with a text')
  }
}

const isText = (value: unknown) => typeof value === 'string'

function compile(Kind: NormalizerClass, config: JsonObject) {
  try {
    return new Kind(config as never)
  } catch (error) {
    throw invalidFile(`a pattern does not compile (${(error as Error).message})`)
  }
}
