/**
 * Every route of the server.
 * @module
 */
import { type Endpoint, endpoint } from './endpoint.ts'
import { openapiDocument } from './openapi.ts'
import { jsonTextResponse } from './response.ts'
import { chatRoute } from './routes/chat.ts'
import { completionsRoute } from './routes/completions.ts'
import { embeddingsRoute } from './routes/embeddings.ts'
import { countTokensRoute, messagesRoute } from './routes/messages.ts'
import { metricsRoute } from './routes/metrics.ts'
import { healthRoute, modelRoute, modelsRoute } from './routes/models.ts'
import { deleteResponseRoute, responsesRoute, storedResponseRoute } from './routes/responses.ts'
import { statusRoutes } from './routes/status.ts'
import { detokenizeRoute, tokenizeRoute } from './routes/tokens.ts'
import type { Serving } from './serving.ts'
import { openapiAnswer } from './wire/answers.ts'

const api: readonly Endpoint[] = [
  chatRoute,
  completionsRoute,
  responsesRoute,
  storedResponseRoute,
  deleteResponseRoute,
  messagesRoute,
  countTokensRoute,
  embeddingsRoute,
  modelsRoute,
  modelRoute,
  tokenizeRoute,
  detokenizeRoute,
  healthRoute,
  metricsRoute,
]

/** Made once a model: thousands of schemas are not to be written for each who asks. */
const documents = new WeakMap<Serving, { text: string; vocabSize: number | undefined }>()

function documentOf(serving: Serving): string {
  const { modelName } = serving.options
  const vocabSize = serving.isLoaded ? serving.model.vocabSize : undefined
  let document = documents.get(serving)
  if (document === undefined || document.vocabSize !== vocabSize) {
    const text = JSON.stringify(openapiDocument(endpoints, { modelName, vocabSize }))
    document = { text, vocabSize }
    documents.set(serving, document)
  }
  return document.text
}

const openapiRoute = endpoint({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  dialect: 'openai',
  answer: openapiAnswer,
  handle: call => jsonTextResponse(call, documentOf(call.serving)),
})

export const endpoints: readonly Endpoint[] = [...api, ...statusRoutes, openapiRoute]
