/**
 * Flags of `conclave serve` → options of the app, of the load and of the listener.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { pino } from 'pino'
import { systemCode } from '../disk/system-error.ts'
import type { LoadOptions } from '../engine/load-options.ts'
import { ConclaveError } from '../errors.ts'
import { createGuard, type Guard } from '../guard/guard.ts'
import type { GuardPolicy } from '../guard/policy.ts'
import { type ApiKey, parseKeyFile } from '../server/api-keys.ts'
import type { ListenOptions } from '../server/listen.ts'
import type { AppOptions, ServerLog } from '../server/options.ts'
import { type Flags, UsageError, type Values } from './command.ts'
import { type OpenCompliance, openCompliance } from './compliance-file.ts'
import { loadOptions } from './model-flags.ts'

export const serveFlags = {
  host: { kind: 'string', value: 'HOST', help: 'address to listen on (default 127.0.0.1)' },
  port: { kind: 'integer', value: 'N', help: 'port, 0 for any (default 8000)' },
  'api-key-file': {
    kind: 'string',
    value: 'FILE',
    help: 'keys that are asked for, one a line as KEY, KEY TENANT or KEY TENANT GROUP',
  },
  'max-sequences': { kind: 'integer', value: 'N', help: 'requests that share a step (default 64)' },
  'kv-pages': { kind: 'integer', value: 'N', help: 'KV pages of all requests together' },
  'max-requests': {
    kind: 'integer',
    value: 'N',
    help: 'requests in work at once, more get a 429 (default 512)',
  },
  'max-requests-per-key': { kind: 'integer', value: 'N', help: 'the same for each key' },
  'request-timeout': { kind: 'number', value: 'SECONDS', help: 'longest request (default: none)' },
  'drain-timeout': {
    kind: 'number',
    value: 'SECONDS',
    help: 'time that requests have after SIGTERM (default 30)',
  },
  'served-model-name': { kind: 'string', value: 'NAME', help: 'what clients call the model' },
  'cors-origin': { kind: 'list', value: 'ORIGIN', help: 'pages that may ask; may be repeated' },
  'allowed-host': { kind: 'list', value: 'NAME', help: 'names that Host may have' },
  guard: {
    kind: 'string',
    value: 'POLICY',
    help: "JSON file of a guard's policy, or 'default': masks or ends what enters and leaves",
  },
  compliance: {
    kind: 'string',
    value: 'FILE',
    help: 'JSON file of cases and reviewers: watches what passes, and opens a page at /review',
  },
  strict: { kind: 'boolean', help: 'refuse fields that have no effect' },
  'log-level': { kind: 'string', value: 'LEVEL', help: 'silent, error or info (default info)' },
} as const satisfies Flags

export interface ServeOptions {
  app: AppOptions & { modelName: string }
  load: LoadOptions
  listen: ListenOptions
  drainMs: number
  guard: Guard | undefined
  compliance: OpenCompliance | undefined
  log: ServerLog
}

/** Throws `io_error` for a key file that cannot be read, `invalid_request` for an open door. */
export async function serveOptions(
  values: Values,
  source: string | undefined,
): Promise<ServeOptions> {
  const host = String(values.host ?? '127.0.0.1')
  const apiKeys = await readKeys(values)
  refuseOpenDoor(host, apiKeys)
  const log = logger(values)
  const app: ServeOptions['app'] = { modelName: nameOf(values, source), apiKeys, log }
  const copy = (from: string, to: keyof AppOptions) => {
    if (from in values) Object.assign(app, { [to]: values[from] })
  }
  copy('maxRequests', 'maxRequests')
  copy('maxRequestsPerKey', 'maxRequestsPerKey')
  copy('strict', 'strict')
  copy('corsOrigin', 'corsOrigins')
  if ('requestTimeout' in values) app.requestTimeoutMs = Number(values.requestTimeout) * 1000
  const hosts = allowedHosts(host, values)
  if (hosts !== undefined) app.allowedHosts = hosts
  const load: LoadOptions = { ...loadOptions(values) }
  if ('maxSequences' in values) load.maxSequences = Number(values.maxSequences)
  if ('kvPages' in values) load.kvPages = Number(values.kvPages)
  const drainMs = drainMsOf(values)
  const listen = { host, port: Number(values.port ?? 8000), replaceGlobals: true }
  const policy = await readPolicy(values)
  const guard = policy && createGuard(policy)
  const compliance =
    values.compliance === undefined
      ? undefined
      : await openCompliance(String(values.compliance), apiKeys, policy)
  Object.assign(app, compliance?.app)
  return { app, load, listen, drainMs, guard, compliance, log }
}

async function readPolicy({ guard }: Values): Promise<'default' | GuardPolicy | undefined> {
  if (guard === undefined) return undefined
  const path = String(guard)
  if (path === 'default') return path
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new ConclaveError(
      'io_error',
      `Expected the policy of a guard as JSON in ${path}, but it cannot be read. Give a file as ` +
        "docs/guard.md shows, or 'default'.",
      { path },
      { cause },
    )
  }
}

async function readKeys({ apiKeyFile }: Values): Promise<ApiKey[]> {
  if (apiKeyFile === undefined) return []
  const path = String(apiKeyFile)
  try {
    const keys = parseKeyFile(await readFile(path, 'utf8'))
    if (keys.length > 0) return keys
  } catch (cause) {
    const what = systemCode(cause)
    throw new ConclaveError(
      'io_error',
      `Expected to read the keys of ${path}, but got ${what}. Give a file with one key a line.`,
      { path },
      { cause },
    )
  }
  throw new ConclaveError(
    'invalid_request',
    `Expected at least one key in ${path}, but it has none. Write one a line.`,
    { path },
  )
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** Nobody serves the world without a key by accident. */
function refuseOpenDoor(host: string, keys: readonly ApiKey[]): void {
  if (keys.length > 0 || isLoopback(host)) return
  throw new ConclaveError(
    'invalid_request',
    `Expected --api-key-file beside --host ${host}: every machine that reaches this address ` +
      'could ask. Give a file with keys, or listen on 127.0.0.1.',
    { host },
  )
}

/** On loopback a page of another site must not get here by a name of its own. */
function allowedHosts(host: string, { allowedHost }: Values): string[] | undefined {
  const named = ((allowedHost ?? []) as string[]).map(name => name.toLowerCase())
  if (isLoopback(host)) return ['localhost', '127.0.0.1', '[::1]', host, ...named]
  return named.length > 0 ? named : undefined
}

/** A timer takes no more than 2^31 − 1 ms, and fires at once for what is longer. */
function drainMsOf({ drainTimeout = 30 }: Values): number {
  const seconds = Number(drainTimeout)
  if (seconds >= 0 && seconds <= 2_147_483) return seconds * 1000
  throw new UsageError('--drain-timeout takes seconds from 0 to 2147483.')
}

/** A hub id as it is; of a path its last part alone. */
function nameOf({ servedModelName }: Values, source: string | undefined): string {
  if (servedModelName !== undefined) return String(servedModelName)
  if (source === undefined) return 'conclave'
  const isHubId = /^[\w.-]+\/[\w.-]+$/.test(source) && !source.startsWith('.')
  const name = (isHubId ? source : basename(source)).replace(/[^\w./:@-]/g, '-')
  return name === '' ? 'conclave' : name
}

const levels = ['silent', 'error', 'info']

function logger({ logLevel = 'info' }: Values): ServerLog {
  const level = String(logLevel)
  if (!levels.includes(level)) throw new UsageError(`--log-level takes ${levels.join(', ')}.`)
  return pino({ level, base: null }, pino.destination({ fd: 2, sync: false }))
}
