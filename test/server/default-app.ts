import OpenAI from 'openai'
import { afterAll, beforeAll } from 'vitest'
import { loadModel } from '../../lib/engine/load.ts'
import type { Model } from '../../lib/engine/model.ts'
import { createApp, type ServerApp } from '../../lib/server/app.ts'
import type { AppOptions } from '../../lib/server/options.ts'
import { addon, needs } from '../engine/needs.ts'

export const key = 'sk-test'

/** The embedded model behind an app, for the tests of one `describe`. */
export function defaultApp(options: AppOptions = {}) {
  needs(addon, 'default-model/model.safetensors')
  const held = {} as { model: Model; app: ServerApp }
  beforeAll(async () => {
    held.model = await loadModel(undefined, { threads: 1 })
    held.app = createApp(held.model, { apiKeys: [key], ...options })
  })
  afterAll(() => held.model?.dispose())
  return held
}

/** OpenAI's own client, its fetch led into the app. */
export function clientOf({ fetch }: ServerApp, apiKey = key): OpenAI {
  return new OpenAI({ apiKey, baseURL: 'http://conclave/v1', fetch, maxRetries: 0 })
}

export function post(app: ServerApp, path: string, body: unknown, headers = {}): Promise<Response> {
  return app.fetch(`http://conclave${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export function get(app: ServerApp, path: string, headers = {}): Promise<Response> {
  return app.fetch(`http://conclave${path}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
  })
}

export interface WireError {
  message: string
  type: string
  param: string | null
  code: string
}

export async function errorOf(response: Response): Promise<WireError> {
  return ((await response.json()) as { error: WireError }).error
}
