/**
 * Every route of the server.
 * @module
 */
import { type Endpoint, endpoint } from './endpoint.ts'
import { openapiDocument } from './openapi.ts'
import { jsonResponse } from './response.ts'
import { chatRoute } from './routes/chat.ts'
import { completionsRoute } from './routes/completions.ts'
import { embeddingsRoute } from './routes/embeddings.ts'
import { countTokensRoute, messagesRoute } from './routes/messages.ts'
import { metricsRoute } from './routes/metrics.ts'
import { healthRoute, modelRoute, modelsRoute } from './routes/models.ts'
import { deleteResponseRoute, responsesRoute, storedResponseRoute } from './routes/responses.ts'
import { statusRoutes } from './routes/status.ts'
import { detokenizeRoute, tokenizeRoute } from './routes/tokens.ts'

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

const openapiRoute = endpoint({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  dialect: 'openai',
  produces: ['application/json'],
  handle: call => jsonResponse(call, openapiDocument(endpoints, call.serving.options.modelName)),
})

export const endpoints: readonly Endpoint[] = [...api, ...statusRoutes, openapiRoute]
