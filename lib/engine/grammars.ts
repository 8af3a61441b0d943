/**
 * Grammars over a model's tokens, compiled off the event loop.
 * @module
 */
import { setImmediate } from 'node:timers/promises'
import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import type { ThinkingStart } from '../chat/reply-format.ts'
import { ConclaveError } from '../errors.ts'
import { type Grammar, native, nativeCall, type Vocabulary } from '../native.ts'
import type { GrammarAsk } from '../sampling/structured.ts'

/** Tokens between two turns of the event loop. */
const slice = 4096

/** One vocabulary a tokenizer, made when a grammar is first asked for. */
const vocabularies = new WeakMap<ModelTokenizer, Promise<Vocabulary>>()

/**
 * Compiles what an answer must match, behind its thought where it has one. Throws `grammar_error`, `grammar_limit`, or
 * `invalid_request` for a model without a tokenizer. Ids from `vocabLimit` on are never given.
 */
export async function compileGrammar(
  tokenizer: ModelTokenizer | null,
  ask: GrammarAsk,
  thinking: ThinkingStart = 'off',
  vocabLimit?: number,
): Promise<Grammar> {
  if (tokenizer === null)
    throw new ConclaveError(
      'invalid_request',
      'Expected a model with a tokenizer for structured output, but its folder has no ' +
        'tokenizer.json.',
      { option: 'structured' },
    )
  const vocabulary = await vocabularyOf(tokenizer, vocabLimit)
  return nativeCall(() => vocabulary.compile(ask.kind, ask.text, thinking))
}

/** The tokens of a tokenizer as the addon takes them. */
export function vocabularyOf(
  tokenizer: ModelTokenizer,
  vocabLimit = tokenizer.tokenizer.vocabSize,
): Promise<Vocabulary> {
  let made = vocabularies.get(tokenizer)
  if (made === undefined) {
    made = makeVocabulary(tokenizer, vocabLimit)
    vocabularies.set(tokenizer, made)
    made.catch(() => vocabularies.delete(tokenizer))
  }
  return made
}

async function makeVocabulary(
  { tokenizer }: ModelTokenizer,
  vocabSize: number,
): Promise<Vocabulary> {
  const pieces: Uint8Array[] = []
  const offsets = new Int32Array(vocabSize + 1)
  for (let id = 0; id < vocabSize; id++) {
    // A special token has no text: it ends an answer or comes from the template.
    const bytes = tokenizer.isSpecial(id) ? new Uint8Array(0) : tokenizer.tokenBytes(id)
    pieces.push(bytes)
    offsets[id + 1] = offsets[id]! + bytes.length
    if (id % slice === slice - 1) await setImmediate()
  }
  return nativeCall(() => native().createVocabulary(Buffer.concat(pieces), offsets))
}
