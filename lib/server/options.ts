/**
 * What a caller may ask of `createApp`, checked.
 * @module
 */
import type { ModelEngine } from '../engine/model-engine.ts'
import { checkBoolean, checkNames, checkNumber, checkString, invalid } from '../sampling/check.ts'
import { type ApiKey, ApiKeys } from './api-keys.ts'

/** Where events go: a pino logger, or anything with its two methods. No prompt or key is in one. */
export interface ServerLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What `createApp` takes. */
export interface AppOptions {
  /** An engine of the model's; default: the model's own. */
  engine?: ModelEngine
  /** What clients call the model. Default 'conclave'. */
  modelName?: string
  /** Keys that are asked for, each of which is a tenant. Default: none, everybody may ask. */
  apiKeys?: readonly (string | ApiKey)[]
  /**
   * Requests in work at once, 1 … 100,000; more get a 429. With keys of several tenants, one holds
   * at most three quarters of the places that the others leave. Default 512.
   */
  maxRequests?: number
  /** The same for one tenant. Default: as `maxRequests`. */
  maxRequestsPerKey?: number
  /** Longest body in bytes. Default 4 MiB. */
  maxBodyBytes?: number
  /** Milliseconds after which a request fails with a 504. Default: none. */
  requestTimeoutMs?: number
  /** Refuse fields that have no effect with a 400, rather than name them in a header. Default false. */
  strict?: boolean
  /** Names that the `Host` header may have, without port. Default: any. */
  allowedHosts?: readonly string[]
  /** Origins whose pages may ask, such as 'https://example.org'. Default: none but its own. */
  corsOrigins?: readonly string[]
  /**
   * Other routes under the same roof, such as `reviewRoutes` of conclave/compliance: asked first,
   * behind the checks of host and origin. They check keys of their own, as a client that may ask
   * the model must not see its own cases. `undefined`: none of theirs.
   */
  review?: (request: Request) => Promise<Response | undefined>
  /**
   * Told of every request that is taken and of every answer, such as `observe` of
   * conclave/compliance, each text whole. No answer waits for it or tells of it; where it fails,
   * the log says so without the text.
   */
  observe?: (message: ObservedMessage) => void | Promise<void>
  log?: ServerLog
}

/** A text on its way in, before a guard, or out, behind it. */
export interface ObservedMessage {
  requestId: string
  /** The key's tenant, and the end user where the client names one. */
  subject: string
  direction: 'input' | 'output'
  text: string
  /** Group of the key, for information barriers. */
  group?: string
  /** Groups that the text is meant for, as the header `x-conclave-to` of the request names them. */
  to?: string[]
}

export interface CheckedAppOptions {
  engine: ModelEngine | undefined
  modelName: string
  keys: ApiKeys
  maxRequests: number
  maxRequestsPerKey: number
  maxBodyBytes: number
  requestTimeoutMs: number | undefined
  strict: boolean
  allowedHosts: ReadonlySet<string> | undefined
  corsOrigins: ReadonlySet<string>
  review: AppOptions['review']
  observe: AppOptions['observe']
  log: ServerLog
}

const names = [
  'engine',
  'modelName',
  'apiKeys',
  'maxRequests',
  'maxRequestsPerKey',
  'maxBodyBytes',
  'requestTimeoutMs',
  'strict',
  'allowedHosts',
  'corsOrigins',
  'review',
  'observe',
  'log',
] as const satisfies readonly (keyof AppOptions)[]

const silent: ServerLog = { info: () => {}, error: () => {} }

/** Throws `invalid_request` naming the option. */
export function checkAppOptions(options: AppOptions): CheckedAppOptions {
  checkNames(options, names)
  const count = (name: 'maxRequests' | 'maxRequestsPerKey' | 'maxBodyBytes', max: number) =>
    options[name] === undefined
      ? undefined
      : checkNumber(name, options[name], { min: 1, max, integer: true })
  const maxRequests = count('maxRequests', 100_000) ?? 512
  const { allowedHosts, requestTimeoutMs, modelName = 'conclave' } = options
  if (!/^[\w./:@-]{1,256}$/.test(checkString('modelName', modelName)))
    throw invalid('modelName', 'a name of letters, digits and . / : @ _ -', modelName)
  return {
    engine: options.engine,
    modelName,
    keys: new ApiKeys(list('apiKeys', options.apiKeys)),
    maxRequests,
    maxRequestsPerKey: count('maxRequestsPerKey', 100_000) ?? maxRequests,
    maxBodyBytes: count('maxBodyBytes', 2 ** 30) ?? 4 * 2 ** 20,
    requestTimeoutMs:
      requestTimeoutMs === undefined
        ? undefined
        : checkNumber('requestTimeoutMs', requestTimeoutMs, { min: 1, max: 2 ** 31 - 1 }),
    strict: options.strict !== undefined && checkBoolean('strict', options.strict),
    allowedHosts:
      allowedHosts === undefined ? undefined : new Set(list('allowedHosts', allowedHosts)),
    corsOrigins: new Set(list('corsOrigins', options.corsOrigins)),
    review: checkFunction('review', options.review),
    observe: checkFunction('observe', options.observe),
    log: options.log ?? silent,
  }
}

function checkFunction<T>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw invalid(name, 'a function', value)
}

function list<T>(name: string, value: readonly T[] | undefined): readonly T[] {
  if (value !== undefined && !Array.isArray(value)) throw invalid(name, 'a list', value)
  return value ?? []
}
