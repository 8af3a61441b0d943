/**
 * Who may ask: keys compared in constant time, each with its tenant.
 * @module
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { ConclaveError } from '../errors.ts'
import { Refusal } from './refusal.ts'

/** A key that opens the server, and whose it is. */
export interface ApiKey {
  key: string
  /** Keys of one tenant share cached prefixes. Default: each key is its own. */
  tenant?: string
  /** Group of whoever holds it, for information barriers. Default: none. */
  group?: string
}

/** Whose request it is; '' where no keys are asked for. */
export interface Tenant {
  id: string
  /** What the key says of information barriers; no request can change it. */
  group?: string
}

const nobody: Tenant = { id: '' }
const digest = (text: string) => hash('sha256', text, 'buffer')

/** Keys of a file: one a line as `KEY`, `KEY TENANT` or `KEY TENANT GROUP`; lines that begin with # are left out. */
export function parseKeyFile(text: string): ApiKey[] {
  const lines = text.split('\n').map(line => line.trim())
  return lines
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [key, tenant, group] = line.split(/\s+/)
      return { key: key!, ...(tenant && { tenant }), ...(group && { group }) }
    })
}

export class ApiKeys {
  readonly #entries: readonly { keyHash: Buffer; tenant: Tenant }[]

  /** Throws `invalid_request` for a key that no header can carry. */
  constructor(keys: readonly (string | ApiKey)[]) {
    this.#entries = keys.map((entry, i) => {
      const { key, tenant, group }: ApiKey = typeof entry === 'string' ? { key: entry } : entry
      if (typeof key !== 'string' || !/^[\x21-\x7e]{1,512}$/.test(key))
        throw new ConclaveError(
          'invalid_request',
          `Expected key ${i + 1} to be 1 to 512 visible ASCII characters without blanks.`,
          { option: 'apiKeys' },
        )
      const keyHash = digest(key)
      const id = tenant ?? keyHash.toString('hex').slice(0, 32)
      return { keyHash, tenant: { id, ...(group && { group }) } }
    })
  }

  get size(): number {
    return this.#entries.length
  }

  get numTenants(): number {
    return new Set(this.#entries.map(({ tenant }) => tenant.id)).size
  }

  /** The tenant of a request; throws a 401 where a key is asked for and none is right. */
  authorize(headers: Headers): Tenant {
    if (this.#entries.length === 0) return nobody
    const given = keyOf(headers)
    const givenHash = digest(given ?? '')
    let found: Tenant | undefined
    // Every key is compared to its end, whichever is right.
    for (const { keyHash, tenant } of this.#entries)
      if (timingSafeEqual(keyHash, givenHash)) found = tenant
    if (found !== undefined && given !== undefined) return found
    throw new Refusal({
      status: 401,
      code: 'unauthorized',
      message: 'Expected a valid API key in the header Authorization: Bearer KEY.',
      headers: {
        // A browser that opens the status page asks for the key as a password.
        'www-authenticate': headers.get('accept')?.includes('text/html')
          ? 'Basic realm="conclave", charset="UTF-8"'
          : 'Bearer realm="conclave"',
      },
    })
  }
}

/** As OpenAI's, Anthropic's and a browser's password box send it. */
function keyOf(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')
  if (authorization === null) return headers.get('x-api-key') ?? undefined
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? []
  if (scheme === undefined || value === undefined || value.length > 2048) return undefined
  if (scheme.toLowerCase() === 'bearer') return value
  const pair = Buffer.from(value, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon < 0 ? undefined : pair.slice(colon + 1)
}
