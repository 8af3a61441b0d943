/**
 * The server as a function: Request in, Response out.
 * @module
 */
import { Hono } from 'hono'
import type { Model } from '../engine/model.ts'
import { answer } from './answer.ts'
import type { Endpoint } from './endpoint.ts'
import { errorResponse, toConclaveError } from './error-body.ts'
import { newId } from './ids.ts'
import { type AppOptions, checkAppOptions } from './options.ts'
import { checkOrigin, preflight, withCors } from './origin.ts'
import { Refusal } from './refusal.ts'
import { endpoints } from './routes.ts'
import type { ServedModel } from './served-model.ts'
import { Serving, type ServingState } from './serving.ts'

/** A server without a socket: mount `fetch`, or `listen` to it. */
export interface ServerApp {
  /**
   * Answers a request: the whole server. Takes what the global `fetch` takes, so that a client can
   * be given it in its place.
   */
  fetch(input: Request | string | URL, init?: RequestInit): Promise<Response>
  readonly state: ServingState
  /** Requests in work. */
  readonly active: number
  /** Share of the load that is done, 0 … 1, which /health tells while the model is loading. */
  progress: number
  /** Refuses new requests; resolves when those in work are over. */
  drain(): Promise<void>
}

/**
 * Makes a server of a model, or of the promise of one: until it is there /health says 503.
 *
 * Routes: `/v1/chat/completions`, `/v1/completions`, `/v1/responses`, `/v1/embeddings`,
 * `/v1/models`, `/v1/messages`, `/tokenize`, `/detokenize`, `/health`, `/metrics`, `/openapi.json`
 * and a status page at `/`. Throws `invalid_request` for options that are not valid.
 * @example
 * const app = createApp(await loadModel(), { apiKeys: ['sk-1'] })
 * const client = new OpenAI({ apiKey: 'sk-1', baseURL: 'http://conclave/v1', fetch: app.fetch })
 */
export function createApp(
  source: Model | ServedModel | Promise<Model | ServedModel>,
  options: AppOptions = {},
): ServerApp {
  const checked = checkAppOptions(options)
  const serving = new Serving(source, checked)
  const router = routerOf(serving, endpoints)
  return {
    async fetch(input, init) {
      const request = input instanceof Request && !init ? input : new Request(input, init)
      try {
        checkOrigin(request, checked)
        if (request.method === 'OPTIONS') return preflight(request, checked)
        const review = await checked.review?.(request)
        if (review !== undefined) return review
        const response = await router.fetch(request)
        // As the global fetch does, for clients without a socket between.
        request.signal.throwIfAborted()
        return withCors(response, request, checked)
      } catch (error) {
        if (request.signal.aborted) throw error
        return errorResponse(toConclaveError(error), 'openai', newId())
      }
    },
    get state() {
      return serving.state
    },
    get active() {
      return serving.admission.active
    },
    get progress() {
      return serving.progress
    },
    set progress(share) {
      serving.progress = share
    },
    drain: () => serving.admission.drain(),
  }
}

/** Every route and every path without one goes through `answer`, which asks for the key first. */
function routerOf(serving: Serving, all: readonly Endpoint[]): Hono {
  const router = new Hono()
  const paths = new Map<string, Map<string, Endpoint>>()
  for (const one of all) {
    const methods = paths.get(one.path) ?? new Map<string, Endpoint>()
    paths.set(one.path, methods.set(one.method, one))
  }
  // One handler a path: the router calls it at once, without a chain of promises.
  for (const [path, methods] of paths) {
    const refusal = wrongMethod(path, [...methods.keys()])
    router.all(path, c => {
      const { method } = c.req
      const one = methods.get(method === 'HEAD' ? 'GET' : method) ?? refusal
      return answer(serving, one, c.req.raw, path.includes(':') ? c.req.param() : {})
    })
  }
  router.notFound(c => answer(serving, unknownRoute, c.req.raw, {}))
  return router
}

function wrongMethod(path: string, allowed: string[]): Endpoint {
  const refuse = (): never => {
    throw new Refusal({
      status: 405,
      code: 'invalid_request',
      message: `Expected the method ${allowed.join(' or ')} at ${path.replace(/\{.*\}/, '')}.`,
      headers: { allow: allowed.join(', ') },
    })
  }
  return { method: 'GET', path, summary: '', dialect: 'openai', handle: refuse }
}

const unknownRoute: Endpoint = {
  method: 'GET',
  path: '*',
  summary: '',
  dialect: 'openai',
  handle() {
    throw new Refusal({
      status: 404,
      code: 'not_found',
      message: 'There is no such route. /openapi.json lists them all.',
    })
  },
}
