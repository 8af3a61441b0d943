/**
 * GET /v1/models, GET /v1/models/:model, GET /health
 * @module
 */
import { type Call, endpoint } from '../endpoint.ts'
import { unknownModel } from '../model-name.ts'
import { jsonResponse } from '../response.ts'
import { health, modelAnswer, modelList } from '../wire/answers.ts'

/** OpenAI's fields, and those that Anthropic's clients read. */
function modelObject({ serving }: Call) {
  const { modelName } = serving.options
  return {
    id: modelName,
    object: 'model',
    type: 'model',
    display_name: modelName,
    created: serving.created,
    created_at: new Date(serving.created * 1000).toISOString(),
    owned_by: 'conclave',
    root: modelName,
    parent: null,
    max_model_len: serving.model.maxContext,
  }
}

export const modelsRoute = endpoint({
  method: 'GET',
  path: '/v1/models',
  summary: 'The models that are served',
  dialect: 'openai',
  answer: modelList,
  handle(call) {
    const model = modelObject(call)
    const page = { has_more: false, first_id: model.id, last_id: model.id }
    return jsonResponse(call, { object: 'list', data: [model], ...page })
  },
})

export const modelRoute = endpoint({
  method: 'GET',
  // A model's name may have a slash.
  path: '/v1/models/:model{.+}',
  summary: 'One model',
  dialect: 'openai',
  finds: ['model'],
  answer: modelAnswer,
  handle(call) {
    if (call.params.model !== call.serving.options.modelName) throw unknownModel()
    return jsonResponse(call, modelObject(call))
  },
})

/** The one route that needs no key; it tells nothing but the state. */
export const healthRoute = endpoint({
  method: 'GET',
  path: '/health',
  summary: '200 where requests are answered, 503 while loading, failed or draining',
  dialect: 'openai',
  open: true,
  answer: health,
  handle({ serving }) {
    const { state, progress } = serving
    const status = state === 'ready' ? 200 : 503
    const body = state === 'loading' ? { status: state, progress } : { status: state }
    return Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
  },
})
