/**
 * GET / and GET /status: a page for people, and what it shows
 * @module
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { jsonResponse } from '../response.ts'
import { pageBody } from '../status/body.ts'
import { pageScript } from '../status/script.ts'
import { pageStyle } from '../status/style.ts'

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

const page =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conclave</title>' +
  '<meta name="viewport" content="width=device-width, initial-scale=1">' +
  `<link rel="icon" href="data:,"><style>${pageStyle}</style></head>` +
  `<body>${pageBody}<script>${pageScript}</script></body></html>`

/** Nothing from elsewhere, and no script but the page's own. */
const policy = [
  "default-src 'none'",
  `script-src ${hash(pageScript)}`,
  `style-src ${hash(pageStyle)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const pageRoute = endpoint({
  method: 'GET',
  path: '/',
  summary: 'A page that shows the server at work',
  dialect: 'openai',
  produces: ['text/html'],
  handle: () =>
    new Response(page, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      },
    }),
})

const statusAnswer = z.looseObject({
  state: z.string(),
  model: z.string(),
  active: z.int(),
  engine: z.looseObject({}).nullable(),
  recent: z.looseObject({}),
})

const statusRoute = endpoint({
  method: 'GET',
  path: '/status',
  summary: 'What the page shows, as JSON',
  dialect: 'openai',
  answer: statusAnswer,
  handle(call) {
    const { serving } = call
    const { state, progress } = serving
    const isThere = serving.isLoaded
    return jsonResponse(call, {
      state,
      progress,
      model: serving.options.modelName,
      maxContext: isThere ? serving.model.maxContext : null,
      active: serving.admission.active,
      engine: isThere ? serving.model.engine.stats() : null,
      recent: serving.metrics.recent.snapshot(),
    })
  },
})

export const statusRoutes: readonly Endpoint[] = [pageRoute, statusRoute]
