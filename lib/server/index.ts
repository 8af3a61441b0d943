/**
 * `conclave/server`: a model behind the APIs of OpenAI and Anthropic.
 * @module
 */
export { type ApiKey, parseKeyFile } from './api-keys.ts'
export { createApp, type ServerApp } from './app.ts'
export { type Listener, type ListenOptions, listen } from './listen.ts'
export type { AppOptions, ServerLog } from './options.ts'
export type { ServedModel } from './served-model.ts'
