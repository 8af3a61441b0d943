/**
 * Text ↔ token ids, as the model's tokenizer.json says.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { atOnce, inSlices, type Slices } from '../slices.ts'
import { BpeModel } from './bpe.ts'
import { ControlScanner, type Spans } from './control-scanner.ts'
import { type Decoder, readDecoder } from './decoder.ts'
import { type Normalizer, normalizeInSlices, readNormalizer } from './normalizer.ts'
import { readPostProcessor, type Surround } from './post-processor.ts'
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizer.ts'
import {
  type AddedToken,
  invalidFile,
  isObject,
  type JsonObject,
  readAddedTokens,
  readModel,
} from './tokenizer-file.ts'
import type { Vocabulary } from './vocabulary.ts'

export type { AddedToken, Spans }

/** Characters of short words that are encoded at a time. */
const charsPerSlice = 1 << 12

/** The parsed files; `config` is tokenizer_config.json. */
export interface TokenizerFiles {
  tokenizer: unknown
  config?: unknown
}

interface TokenizerParts {
  file: JsonObject
  added: AddedToken[]
  specialIds: ReadonlySet<number>
  preTokenizer: PreTokenizer
  scanner: ControlScanner
  model: BpeModel
  vocab: Vocabulary
}

export interface EncodeOptions {
  /** True: text such as `<|im_end|>` becomes its control token. Default false: it stays text. */
  controlTokens?: boolean
  /**
   * True: adds what the tokenizer puts around a text that is not a chat, such as Llama's
   * begin-of-text. Default false. Qwen's tokenizer adds nothing.
   */
  addSpecialTokens?: boolean
}

export interface DecodeOptions {
  /** Leaves out tokens marked special, such as `<|im_end|>`. Default true. */
  skipSpecialTokens?: boolean
}

/**
 * A byte-pair tokenizer.
 *
 * `encode` never yields a control token unless it is asked to: no token marked special, and none
 * that the vocabulary's own merges do not make (some files list runs of blanks as added tokens,
 * which ordinary text has always merged into). The ids equal those of the Hugging Face tokenizers.
 * Lone surrogates count as U+FFFD.
 * @example
 * const tokenizer = Tokenizer.fromFiles({ tokenizer: JSON.parse(text) })
 * tokenizer.decode(tokenizer.encode('Hello, world!')) // 'Hello, world!'
 */
export class Tokenizer {
  /** Every added token of the file, in file order. */
  readonly controlTokens: readonly AddedToken[]
  /** Highest id + 1; the model may have more rows. */
  readonly vocabSize: number
  /** Highest id + 1 of what text becomes without control tokens. */
  readonly textVocabSize: number
  /** The decoded text loses one leading space (SentencePiece-style files). */
  readonly stripsLeadingSpace: boolean
  readonly #normalizer: Normalizer
  readonly #preTokenizer: PreTokenizer
  readonly #model: BpeModel
  readonly #decoder: Decoder
  readonly #surround: Surround
  readonly #scanner: ControlScanner
  readonly #vocab: Vocabulary
  /** Bytes of the ids that were decoded so far. */
  readonly #bytes = new Map<number, Uint8Array>()
  readonly #controlIds: ReadonlyMap<string, number>
  readonly #controlTexts: ReadonlyMap<number, string>
  readonly #specialIds: ReadonlySet<number>

  /**
   * Takes about 0.2 s for a vocabulary of 150,000 tokens; `fromFilesInSlices` does not keep the
   * event loop meanwhile.
   * @throws ConclaveError `invalid_file` for a malformed file, `unsupported_model` for a tokenizer
   * of another kind.
   */
  static fromFiles(files: TokenizerFiles): Tokenizer {
    return atOnce(Tokenizer.#build(files))
  }

  /** The tokenizer that `fromFiles` gives, built a few milliseconds at a time. */
  static fromFilesInSlices(files: TokenizerFiles): Promise<Tokenizer> {
    return inSlices(Tokenizer.#build(files))
  }

  static *#build({ tokenizer: file }: TokenizerFiles): Slices<Tokenizer> {
    if (!isObject(file)) throw invalidFile('expected an object')
    const read = yield* readModel(file)
    const added = yield* readAddedTokens(file, read.vocab)
    const specialIds = new Set(added.filter(token => token.special).map(token => token.id))
    const preTokenizer = readPreTokenizer(file.pre_tokenizer)
    const model = yield* BpeModel.build({
      ...read,
      byteLevel: preTokenizer.byteLevel,
      reserved: specialIds,
      unkId: read.unkToken === null ? null : read.vocab.get(read.unkToken)!,
    })
    const scanner = yield* ControlScanner.build(added)
    const parts = { file, added, specialIds, preTokenizer, model, scanner }
    return new Tokenizer({ ...read, ...parts })
  }

  private constructor(parts: TokenizerParts) {
    const { file, added, vocab } = parts
    this.controlTokens = added
    this.#controlIds = new Map(added.map(token => [token.content, token.id]))
    this.#controlTexts = new Map(added.map(token => [token.id, token.content]))
    this.#specialIds = parts.specialIds
    this.#vocab = vocab
    this.textVocabSize = vocab.idLimit
    this.vocabSize = added.reduce((size, { id }) => Math.max(size, id + 1), vocab.idLimit)
    this.#normalizer = readNormalizer(file.normalizer)
    this.#preTokenizer = parts.preTokenizer
    this.#decoder = readDecoder(file.decoder)
    this.stripsLeadingSpace = this.#decoder.stripsLeadingSpace
    this.#surround = readPostProcessor(
      file.post_processor,
      token => this.#controlIds.get(token) ?? vocab.get(token),
    )
    this.#scanner = parts.scanner
    this.#model = parts.model
  }

  /**
   * Ids of a text, in [0, vocabSize). A megabyte of prose or code takes 0.15 to 0.35 s, one of a
   * single character up to a second; the event loop waits meanwhile: use `encodeInSlices` for a
   * long text.
   * @throws ConclaveError `invalid_request` where `text` is not a string.
   */
  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    return atOnce(this.#encodeText(text, options))
  }

  /**
   * The ids that `encode` gives, a few milliseconds at a time: the event loop goes on meanwhile.
   * @throws ConclaveError `invalid_request` where `text` is not a string.
   */
  encodeInSlices(text: string, options: EncodeOptions = {}): Promise<Uint32Array> {
    return inSlices(this.#encodeText(text, options))
  }

  /**
   * Ids of a rendered prompt: control tokens are recognised only where no character of them lies
   * in `caller`; everything else is text.
   */
  encodePrompt(text: string, caller: Spans): Uint32Array {
    return atOnce(this.#encode(text, caller))
  }

  /** The ids that `encodePrompt` gives, a few milliseconds at a time. */
  encodePromptInSlices(text: string, caller: Spans): Promise<Uint32Array> {
    return inSlices(this.#encode(text, caller))
  }

  /**
   * Text of ids; bytes that are no UTF-8 become U+FFFD.
   * @throws ConclaveError `invalid_request` for an id that is not in [0, vocabSize).
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const skip = options.skipSpecialTokens !== false
    const pieces: Uint8Array[] = []
    for (let i = 0; i < ids.length; i++) {
      if (!skip || !this.#specialIds.has(ids[i]!)) pieces.push(this.tokenBytes(ids[i]!))
      else this.#check(ids[i]!)
    }
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces))
    return this.stripsLeadingSpace && text.startsWith(' ') ? text.slice(1) : text
  }

  /**
   * Bytes of one token, a part of a character perhaps; not to be changed. A gap in the vocabulary
   * has none.
   * @throws ConclaveError `invalid_request` for an id that is not in [0, vocabSize).
   */
  tokenBytes(id: number): Uint8Array {
    this.#check(id)
    let bytes = this.#bytes.get(id)
    if (bytes === undefined) {
      const token = this.#controlTexts.get(id) ?? this.#vocab.text(id)
      bytes = token === undefined ? new Uint8Array(0) : this.#decoder.bytes(token)
      this.#bytes.set(id, bytes)
    }
    return bytes
  }

  /** True for a token that decoding leaves out, such as `<|im_end|>`. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id)
  }

  /** Id of an added token by its text, or undefined. */
  controlTokenId(text: string): number | undefined {
    return this.#controlIds.get(text)
  }

  *#encodeText(text: string, options: EncodeOptions): Slices<Uint32Array> {
    const ids = yield* this.#encode(text, options.controlTokens === true ? [] : null)
    if (options.addSpecialTokens !== true) return ids
    const { before, after } = this.#surround
    const all = new Uint32Array(before.length + ids.length + after.length)
    all.set(before)
    all.set(ids, before.length)
    all.set(after, before.length + ids.length)
    return all
  }

  /** `caller` null: no control tokens at all. Yields now and then. */
  *#encode(text: string, caller: Spans | null): Slices<Uint32Array> {
    if (typeof text !== 'string') {
      throw new ConclaveError('invalid_request', `Expected a text, but got ${typeof text}.`)
    }
    const wellFormed = text.toWellFormed()
    const ids: number[] = []
    let section = 0
    let done = 0
    if (caller !== null) {
      for (const match of this.#scanner.scan(wellFormed, caller)) {
        if (match === null) {
          yield
          continue
        }
        if (match.start > done)
          yield* this.#encodePlain(ids, wellFormed.slice(done, match.start), section)
        if (match.start > done) section++
        ids.push(match.token.id)
        section++
        done = match.end
      }
    }
    if (done < wellFormed.length) yield* this.#encodePlain(ids, wellFormed.slice(done), section)
    return Uint32Array.from(ids)
  }

  *#encodePlain(out: number[], text: string, section: number): Slices<void> {
    const normal = yield* normalizeInSlices(this.#normalizer, text)
    if (normal === '') return
    let chars = 0
    for (const word of this.#preTokenizer.preTokenize(normal, section)) {
      if (word.length > charsPerSlice) yield* this.#model.encodeInSlices(out, word)
      else if (word !== '') this.#model.encode(out, word)
      chars += word.length
      if (chars < charsPerSlice) continue
      chars = 0
      yield
    }
  }

  #check(id: number): void {
    if (Number.isInteger(id) && id >= 0 && id < this.vocabSize) return
    throw new ConclaveError(
      'invalid_request',
      `Expected token ids in [0, ${this.vocabSize}), but got ${id}.`,
      { id, vocabSize: this.vocabSize },
    )
  }
}
