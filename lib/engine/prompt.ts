/**
 * What a caller gives as a prompt → checked token ids.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { invalid, shown } from '../sampling/check.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** Longest prompt text in UTF-16 units; the context of any model is shorter. */
export const maxPromptText = 4 * 2 ** 20

/** Longer texts are tokenised in slices: a shorter one takes a few milliseconds. */
const longText = 1 << 14

/**
 * Text is tokenised without control tokens, a long one in slices. Throws `invalid_request` or `context_length_exceeded`.
 */
export function promptIds(
  prompt: string | ArrayLike<number>,
  tokenizer: Tokenizer | null,
  vocabSize: number,
  maxContext: number,
): Int32Array | Promise<Int32Array> {
  if (typeof prompt !== 'string') return checkIds(prompt, vocabSize, maxContext)
  if (tokenizer === null)
    throw new ConclaveError(
      'invalid_request',
      'Expected token ids, but got text: the model folder has no tokenizer.json.',
    )
  if (prompt.length === 0 || prompt.length > maxPromptText)
    throw new ConclaveError(
      'invalid_request',
      `Expected a prompt of 1 to ${maxPromptText} characters, but got ${prompt.length}.`,
    )
  const check = (ids: Uint32Array) => checkIds(ids, vocabSize, maxContext)
  const options = { addSpecialTokens: true }
  if (prompt.length < longText) return check(tokenizer.encode(prompt, options))
  return tokenizer.encodeInSlices(prompt, options).then(check)
}

/**
 * Token ids as the step takes them: whole numbers in [0, vocabSize), at least one, at most the
 * context.
 */
export function checkIds(
  ids: ArrayLike<number>,
  vocabSize: number,
  maxContext: number,
): Int32Array {
  const isList = Array.isArray(ids) || (ArrayBuffer.isView(ids) && !(ids instanceof DataView))
  if (!isList) throw invalid('the prompt', 'text or an array of token ids', ids)
  if (ids.length === 0)
    throw new ConclaveError('invalid_request', 'Expected at least one token id, but got none.')
  if (ids.length > maxContext)
    throw new ConclaveError(
      'context_length_exceeded',
      `Expected at most ${maxContext} tokens, but the prompt has ${ids.length}. Shorten it or ` +
        'load the model with a larger maxContext.',
      { promptTokens: ids.length, maxContext },
    )
  const checked = new Int32Array(ids.length)
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i]
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw new ConclaveError(
        'invalid_request',
        `Expected token ids in [0, ${vocabSize}), but id ${i} of the prompt is ${shown(id)}.`,
        { index: i, vocabSize },
      )
    checked[i] = id
  }
  return checked
}
