/**
 * The file of `conclave serve --compliance`: where cases lie, who is watched for, who reviews.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { AuditLog, Lists, RuleBook, WaitingBounds } from '../compliance/index.ts'
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { hashWeights } from '../files/weights-hash.ts'
import type { ApiKey } from '../server/api-keys.ts'
import type { AppOptions, ServerLog } from '../server/options.ts'
import { version } from './version.ts'

const path = z.string().min(1)
const word = z.string().min(1).max(200)

/** Paths are from the folder of the file. */
const fileSchema = z.strictObject({
  cases: z.union([
    z.strictObject({ sqlite: path }),
    z.strictObject({ postgres: z.string().min(1), connections: z.int().min(1).optional() }),
  ]),
  /** Of the pseudonyms. */
  key: z.string().min(16),
  /** Whoever may review; default: the keys of the server. */
  reviewKeys: z.array(z.string().min(16)).min(1).optional(),
  audit: z.strictObject({ folder: path, privateKeyFile: path }).optional(),
  lists: z.record(z.string(), z.unknown()).optional(),
  /** A rule book, beside the rules of the package. */
  book: z.record(z.string(), z.unknown()).optional(),
  /** How much may wait to be examined. */
  waiting: z.record(z.string(), z.unknown()).optional(),
  submitter: z.strictObject({
    person: word,
    position: word,
    entity: word,
    identifier: word.optional(),
    address: word.optional(),
    contact: word.optional(),
  }),
  model: z.strictObject({ name: word, weightsSha256: z.string() }).optional(),
})

/** What the server gets, and what is closed behind it. */
export interface OpenCompliance {
  readonly app: Required<Pick<AppOptions, 'review' | 'observe'>>
  /**
   * Says which model is watched; its weights are hashed behind the requests unless the file gives
   * the hash. Reports wait for it. Where it fails, the log says so and reports name no model.
   */
  watches(name: string, weightFiles: readonly string[], log: ServerLog): void
  close(): Promise<void>
}

/**
 * Opens what the file names. `keys`: those of the server; `policy`: of its guard, for reports.
 * Throws `io_error` for a file that cannot be read, `invalid_request` for one that is not right,
 * and what opening throws.
 */
export async function openCompliance(
  file: string,
  keys: readonly ApiKey[],
  policy: unknown,
): Promise<OpenCompliance> {
  const { cases, key, audit, lists, book, waiting, submitter, model, reviewKeys } = await read(file)
  const from = (name: string) => resolve(dirname(file), name)
  const reviewers = reviewKeys ?? keys.map(one => one.key)
  if (reviewers.length === 0)
    throw new ConclaveError(
      'invalid_request',
      `Expected reviewKeys in ${file}, or --api-key-file: whoever reviews needs a key.`,
      { path: file },
    )
  const { createCompliance, defaultRuleBook, openAuditLog, openCaseStore, reviewRoutes } =
    await import('../compliance/index.ts')
  const store = await openCaseStore('sqlite' in cases ? { sqlite: from(cases.sqlite) } : cases)
  let log: AuditLog | undefined
  try {
    log =
      audit &&
      (await openAuditLog({
        folder: from(audit.folder),
        privateKey: await textOf(from(audit.privateKeyFile)),
      }))
    const compliance = createCompliance({
      store,
      key,
      ...(log && { audit: log }),
      ...(lists && { lists: lists as Lists }),
      ...(book && { book: defaultRuleBook(book as RuleBook) }),
      ...(waiting && { waiting: waiting as WaitingBounds }),
    })
    const pending = new Set<Promise<void>>()
    let hashed: Promise<typeof model> | undefined
    const stop = new AbortController()
    const modelLater = async () => hashed
    const report = { submitter, engineVersion: version(), policy, model, modelLater }
    return {
      app: {
        review: reviewRoutes({ compliance, keys: reviewers, report }),
        observe(message) {
          const work = compliance.observe(message).finally(() => pending.delete(work))
          pending.add(work)
          return work
        },
      },
      watches(name, weightFiles, log) {
        if (model !== undefined) return
        hashed = hashWeights(weightFiles, stop.signal).then(
          weightsSha256 => ({ name, weightsSha256 }),
          ({ code }) => {
            if (code !== 'aborted') log.error({ code }, 'the weights were not hashed for reports')
            return undefined
          },
        )
      },
      async close() {
        stop.abort()
        await hashed
        await Promise.allSettled(pending)
        await store.close()
        await log?.close()
      },
    }
  } catch (error) {
    await log?.close()
    await store.close()
    throw error
  }
}

async function read(file: string): Promise<z.infer<typeof fileSchema>> {
  const text = await textOf(file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConclaveError(
      'invalid_request',
      `Expected JSON in ${file}.`,
      { path: file },
      { cause },
    )
  }
  const parsed = fileSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const { path: at, message } = parsed.error.issues[0]!
  throw new ConclaveError(
    'invalid_request',
    `Expected a file as docs/compliance.md shows, but ${at.join('.') || 'the whole'} of ${file} ` +
      `is not right: ${message}.`,
    { path: file },
  )
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const what = systemCode(cause)
    throw new ConclaveError(
      'io_error',
      `Expected to read ${file}, but got ${what}. Give a file as docs/compliance.md shows.`,
      { path: file },
      { cause },
    )
  }
}
