/**
 * Every route of the server.
 * @module
 */
import type { Endpoint } from './endpoint.ts'
import { chatRoute } from './routes/chat.ts'
import { completionsRoute } from './routes/completions.ts'
import { embeddingsRoute } from './routes/embeddings.ts'
import { countTokensRoute, messagesRoute } from './routes/messages.ts'
import { metricsRoute } from './routes/metrics.ts'
import { healthRoute, modelRoute, modelsRoute } from './routes/models.ts'
import { deleteResponseRoute, responsesRoute, storedResponseRoute } from './routes/responses.ts'
import { detokenizeRoute, tokenizeRoute } from './routes/tokens.ts'

export const endpoints: readonly Endpoint[] = [
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
