/**
 * Text → words that are merged one by one.
 *
 * The splitting rules come from @huggingface/tokenizers; byte-level and digit rules are ours, since
 * they must follow Unicode's White_Space and Numeric classes as the Rust tokenizers do.
 * @module
 */
import {
  BertPreTokenizer,
  MetaspacePreTokenizer,
  PunctuationPreTokenizer,
  SplitPreTokenizer,
  WhitespacePreTokenizer,
  WhitespaceSplitPreTokenizer,
} from '@huggingface/tokenizers'
import { checkPatterns } from './pattern.ts'
import { behaviors, stretches } from './split.ts'
import { invalidFile, isObject, type JsonObject, unsupportedPart } from './tokenizer-file.ts'

/** `section` counts the stretches between control tokens; 0 begins the text. */
export type PreTokenize = (text: string, section: number) => Iterable<string>

export interface PreTokenizer {
  preTokenize: PreTokenize
  /** Words stand for their UTF-8 bytes. */
  byteLevel: boolean
}

const gpt2Pattern =
  "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

export function readPreTokenizer(config: unknown): PreTokenizer {
  if (config === null || config === undefined) {
    return { preTokenize: whole, byteLevel: false }
  }
  if (!isObject(config)) throw invalidFile('expected an object "pre_tokenizer"')
  checkPatterns(config, 'pre_tokenizer')
  const steps = flatten(config)
  const byteLevel = steps.at(-1)?.type === 'ByteLevel'
  if (steps.slice(0, -1).some(step => step.type === 'ByteLevel')) {
    throw unsupportedPart('pre_tokenizer', 'ByteLevel before another step')
  }
  const stages = steps.map(readStep).filter(stage => stage !== null)
  const [first = whole, ...others] = stages
  const preTokenize: PreTokenize = (text, section) =>
    others.reduce((words, stage) => through(words, stage, section), first(text, section))
  return { preTokenize, byteLevel }
}

const whole: PreTokenize = text => [text]

/** Word by word, so that a long text can be left in between. */
function* through(words: Iterable<string>, stage: PreTokenize, section: number) {
  for (const word of words) yield* stage(word, section)
}

function flatten(config: JsonObject): JsonObject[] {
  if (config.type !== 'Sequence') return [config]
  const steps = config.pretokenizers
  if (!Array.isArray(steps)) throw invalidFile('expected a list "pre_tokenizer.pretokenizers"')
  return steps.flatMap(step => {
    if (!isObject(step)) throw invalidFile('expected each pre-tokenizer to be an object')
    return flatten(step)
  })
}

/** Null: it leaves words as they are. */
function readStep(config: JsonObject): PreTokenize | null {
  switch (config.type) {
    case 'ByteLevel':
      return byteLevelSplit(config)
    case 'Digits':
      return regexSplit(config.individual_digits === true ? '\\p{N}' : '\\p{N}+')
    case 'Split':
      return patternSplit(config)
    case 'Metaspace':
      return metaspace(config)
    case 'Punctuation':
      return plain(new PunctuationPreTokenizer(config as never))
    case 'Whitespace':
      return plain(new WhitespacePreTokenizer())
    case 'WhitespaceSplit':
      return plain(new WhitespaceSplitPreTokenizer())
    case 'BertPreTokenizer':
      return plain(new BertPreTokenizer())
    default:
      throw unsupportedPart('pre_tokenizer', config.type)
  }
}

interface Splitter {
  pre_tokenize_text(text: string, options?: unknown): string[]
}

const plain =
  (splitter: Splitter): PreTokenize =>
  text =>
    splitter.pre_tokenize_text(text)

function regexSplit(source: string): PreTokenize {
  return patternSplit({ pattern: { Regex: source }, behavior: 'Isolated', invert: false })
}

function patternSplit(config: JsonObject): PreTokenize {
  const pattern = config.pattern
  const known =
    isObject(pattern) && (typeof pattern.Regex === 'string' || typeof pattern.String === 'string')
  if (!known) throw invalidFile('expected a Split with a Regex or a String')
  const behavior = behaviors.get(String(config.behavior).toLowerCase())
  if (behavior === undefined) throw unsupportedPart('pre_tokenizer.behavior', config.behavior)
  const regex = compile(pattern)
  const inverted = config.invert === true
  return text => behavior(stretches(text, regex, inverted))
}

/** The pattern as JavaScript's, as @huggingface/tokenizers translates it from Oniguruma. */
function compile(pattern: JsonObject): RegExp {
  try {
    return new SplitPreTokenizer({ type: 'Split', pattern, invert: true } as never).pattern!
  } catch (error) {
    throw invalidFile(`a pattern does not compile (${(error as Error).message})`)
  }
}

function byteLevelSplit(config: JsonObject): PreTokenize | null {
  const split = config.use_regex === false ? null : regexSplit(gpt2Pattern)
  const prefix = config.add_prefix_space === true
  if (split === null && !prefix) return null
  return (text, section) => {
    const spaced = prefix && !text.startsWith(' ') ? ` ${text}` : text
    return split === null ? [spaced] : split(spaced, section)
  }
}

function metaspace(config: JsonObject): PreTokenize {
  const splitter = new MetaspacePreTokenizer(config as never) as unknown as Splitter
  const mark = typeof config.replacement === 'string' ? config.replacement : '▁'
  const split = config.split !== false
  return (text, section) => {
    const [marked = ''] = splitter.pre_tokenize_text(text, { section_index: section })
    return split ? splitBefore(marked, mark) : [marked]
  }
}

/** Cuts before every mark, so that each word carries its own. */
function* splitBefore(text: string, mark: string): Generator<string> {
  let start = 0
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + 1)) {
    yield text.slice(start, at)
    start = at
  }
  yield text.slice(start)
}
