/**
 * POST /v1/embeddings
 * @module
 */
import { setMaxListeners } from 'node:events'
import { type Call, endpoint } from '../endpoint.ts'
import { observeRequest } from '../generate/observed.ts'
import { promptList, promptTokens, type WirePrompts } from '../generate/prompts.ts'
import { checkModel } from '../model-name.ts'
import { badField } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { embeddingList } from '../wire/answers.ts'
import { beyond } from '../wire/beyond-schema.ts'
import { embeddingBody } from '../wire/tokens.ts'

export const embeddingsRoute = endpoint({
  method: 'POST',
  path: '/v1/embeddings',
  summary: 'Vectors of length 1 from the last hidden states of the model',
  dialect: 'openai',
  finds: ['model'],
  works: true,
  body: embeddingBody,
  prompt: 'input',
  refuses: [beyond.context, beyond.noToken, beyond.dimensions],
  answer: embeddingList,
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    const { vectors, numTokens } = await embedAll(call, body.input, body.pooling ?? 'mean')
    const width = body.dimensions ?? vectors[0]!.length
    if (width > vectors[0]!.length)
      throw badField('dimensions', `Expected dimensions of at most ${vectors[0]!.length}.`)
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: written(shortened(vector, width), body.encoding_format ?? 'float'),
    }))
    return jsonResponse(call, {
      object: 'list',
      model: serving.options.modelName,
      data,
      usage: { prompt_tokens: numTokens, total_tokens: numTokens },
    })
  },
})

/** All of them, or the first error, which stops the rest. */
async function embedAll(call: Call, input: WirePrompts, pooling: 'mean' | 'last') {
  const { model } = call.serving
  const lists = await promptTokens(model, promptList(input), 'input')
  // Before a guard may refuse it.
  observeRequest(call)
  const stop = new AbortController()
  const signal = AbortSignal.any([call.signal, stop.signal])
  // Each text listens, and Node warns of more than ten.
  setMaxListeners(lists.length, signal)
  try {
    const embed = (ids: ArrayLike<number>) => model.engine.embed(ids, { pooling, signal })
    const vectors = await Promise.all(lists.map(embed))
    return { vectors, numTokens: lists.reduce((sum, ids) => sum + ids.length, 0) }
  } finally {
    stop.abort()
  }
}

/** The first numbers, of length 1 again. */
function shortened(vector: Float32Array, width: number): Float32Array {
  if (width === vector.length) return vector
  const part = vector.subarray(0, width)
  const length = Math.hypot(...part)
  return part.map(x => x / length)
}

/** base64 of little-endian f32, which OpenAI's client asks for by itself. */
function written(vector: Float32Array, format: 'float' | 'base64'): number[] | string {
  if (format === 'float') return Array.from(vector)
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')
}
