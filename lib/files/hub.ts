/**
 * A folder path or a Hugging Face Hub id → a model folder on this machine.
 * @module
 */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConclaveError } from '../errors.ts'
import { inSlices } from '../slices.ts'
import { isGgufPath } from './gguf.ts'
import {
  cachedSnapshot,
  type HubId,
  hubCacheFolder,
  isComplete,
  linkBlob,
  parseHubId,
  repositoryFolder,
  writeRef,
} from './hub-cache.ts'
import { downloadBlob, type HubFile } from './hub-download.ts'
import { fileLimits, openFolder, readJson } from './read-file.ts'
import { parseWeightIndex } from './weight-files.ts'

/** Settings of {@link resolveModel}; each has a default from the environment. */
export interface ResolveOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes on disk and in all, of the files that the model needs; at most ten times a second. */
  readonly onProgress?:
    | ((progress: { phase: string; doneBytes: number; totalBytes: number }) => void)
    | undefined
  /** Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly hubUrl?: string | undefined
  /** Default: HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub. */
  readonly cacheFolder?: string | undefined
  /** Default: HF_TOKEN. It is sent to the Hub's own origin only. */
  readonly token?: string | undefined
}

/** Files beside the weights that a model may need. */
const smallFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'chat_template.json',
  'model.safetensors.index.json',
]

/**
 * Finds a model: an existing folder or file wins, then the Hugging Face cache, then a download into that
 * cache.
 * @param idOrPath - a folder, a GGUF file, or `owner/name` with an optional `@revision`
 * Throws `io_error` where it is nowhere to be found, `hash_mismatch`, `disk_full`, `aborted`.
 * @example
 * const folder = await resolveModel('Qwen/Qwen3-0.6B', { onProgress: console.log })
 */
export async function resolveModel(
  idOrPath: string,
  options: ResolveOptions = {},
): Promise<string> {
  const path = resolve(idOrPath)
  const id = parseHubId(idOrPath)
  const there = idOrPath.includes('\0') ? null : await stat(path).catch(() => null)
  if (there !== null && (await isGgufPath(path))) return path
  if (there !== null || id === null) return (await openFolder(path).catch(explain(idOrPath))).path
  const cache = options.cacheFolder ?? hubCacheFolder()
  const repository = repositoryFolder(cache, id)
  const cached = await cachedSnapshot(repository, id.revision)
  if (cached !== null && (await isComplete(cached))) return cached
  const offline = /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE ?? '')
  const session = new HubSession(id, repository, path, options)
  if (offline) throw session.unreachable('HF_HUB_OFFLINE is set', undefined)
  return session.download()
}

/** Says what an id looks like where a path was not found. */
function explain(idOrPath: string) {
  return (error: unknown): never => {
    if (!(error instanceof ConclaveError) || /[\\/]/.test(idOrPath)) throw error
    const hint = 'A model of the Hugging Face Hub is written owner/name.'
    throw new ConclaveError(error.code, `${error.message} ${hint}`, error.details, { cause: error })
  }
}

/** What may be known of an error of the Hub, of the connection or of the file system. */
interface HubFailure {
  statusCode?: number
  syscall?: string
  cause?: { code?: string }
}

class HubSession {
  readonly #id: HubId
  readonly #repository: string
  readonly #path: string
  readonly #options: ResolveOptions
  readonly #hubUrl: string

  constructor(id: HubId, repository: string, path: string, options: ResolveOptions) {
    this.#id = id
    this.#repository = repository
    this.#path = path
    this.#options = options
    const url = options.hubUrl ?? (process.env.HF_ENDPOINT || 'https://huggingface.co')
    this.#hubUrl = url.replace(/\/+$/, '')
  }

  async download(): Promise<string> {
    try {
      const { commit, files } = await this.#list()
      const snapshot = join(this.#repository, 'snapshots', commit)
      await this.#fetchAll(snapshot, commit, files)
      await writeRef(this.#repository, this.#id.revision, commit)
      return snapshot
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /** The commit that the revision stands for, and its top-level files. */
  async #list(): Promise<{ commit: string; files: Map<string, HubFile> }> {
    const { listFiles, modelInfo } = await import('@huggingface/hub')
    const { name, revision } = this.#id
    const hub = { hubUrl: this.#hubUrl, fetch: this.#fetch }
    const { sha } = await modelInfo({ name, revision, additionalFields: ['sha'], ...hub })
    if (!/^[0-9a-f]{40}$/.test(sha)) throw this.#malformed('a commit hash')
    const files = new Map<string, HubFile>()
    for await (const { type, path, size, oid, lfs } of listFiles({
      repo: name,
      revision: sha,
      ...hub,
    })) {
      if (type !== 'file' || !/^[\w.-]+$/.test(path)) continue
      const hash = lfs?.oid ?? oid ?? ''
      const bytes = lfs?.size ?? size
      if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || !Number.isSafeInteger(bytes)) {
        throw this.#malformed(`size and hash of ${path}`)
      }
      files.set(path, { path, size: bytes, hash })
    }
    return { commit: sha, files }
  }

  async #fetchAll(snapshot: string, commit: string, files: Map<string, HubFile>) {
    const small = smallFiles.flatMap(name => files.get(name) ?? [])
    const done = new Map<string, number>()
    const report = this.#reporter(done)
    for (const file of small) await this.#fetchFile(snapshot, commit, file, () => {})
    const weights = (await this.#weightNames(snapshot, files)).flatMap(n => files.get(n) ?? [])
    const all = [...small, ...weights]
    const totalBytes = all.reduce((sum, file) => sum + file.size, 0)
    for (const file of small) done.set(file.path, file.size)
    for (const file of weights) {
      await this.#fetchFile(snapshot, commit, file, bytes => {
        done.set(file.path, bytes)
        report(totalBytes, false)
      })
      done.set(file.path, file.size)
      report(totalBytes, true)
    }
  }

  #reporter(done: ReadonlyMap<string, number>) {
    let last = 0
    return (totalBytes: number, now: boolean) => {
      if (!now && Date.now() - last < 100) return
      last = Date.now()
      const doneBytes = [...done.values()].reduce((sum, bytes) => sum + bytes, 0)
      this.#options.onProgress?.({ phase: 'download', doneBytes, totalBytes })
    }
  }

  /** The same choice that the loader makes: one file, else those of the index, else all. */
  async #weightNames(snapshot: string, files: Map<string, HubFile>): Promise<string[]> {
    if (files.has('model.safetensors')) return ['model.safetensors']
    const name = 'model.safetensors.index.json'
    if (files.has(name)) {
      const index = await readJson(await openFolder(snapshot), name, fileLimits.index)
      const { weightMap } = await inSlices(parseWeightIndex(index))
      return [...new Set(weightMap.values())]
    }
    const names = [...files.keys()].filter(file => file.endsWith('.safetensors'))
    if (names.length > 0) return names
    throw new ConclaveError(
      'unsupported_format',
      `Expected weights as safetensors in ${this.#id.name}, but the repository has none. ` +
        'Use a repository with the safetensors version of the model.',
    )
  }

  async #fetchFile(
    snapshot: string,
    commit: string,
    file: HubFile,
    onBytes: (bytes: number) => void,
  ) {
    const pointer = join(snapshot, file.path)
    const blob = join(this.#repository, 'blobs', file.hash)
    const size = async (path: string) => (await stat(path).catch(() => null))?.size
    if ((await size(pointer)) === file.size) return
    if ((await size(blob)) !== file.size) {
      const url = `${this.#hubUrl}/${this.#id.name}/resolve/${commit}/${file.path}`
      const request = (target: string, headers: Record<string, string>) =>
        this.#fetch(target, { headers })
      await downloadBlob({ url, file, blob, request, onBytes })
    }
    await linkBlob(blob, pointer)
  }

  /** fetch with the abort signal, and with the token where the Hub itself is asked. */
  #fetch = (input: Parameters<typeof fetch>[0], init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    const url = input instanceof Request ? input.url : String(input)
    const token = this.#options.token ?? process.env.HF_TOKEN
    headers.delete('authorization')
    if (token && new URL(url).origin === new URL(this.#hubUrl).origin) {
      headers.set('authorization', `Bearer ${token}`)
    }
    return fetch(input, { ...init, headers, signal: this.#options.signal ?? null })
  }

  #malformed(what: string): ConclaveError {
    const sentence = `Expected ${what} from ${this.#hubUrl}, but the answer was malformed.`
    return new ConclaveError('io_error', sentence)
  }

  #explain(error: unknown): unknown {
    if (this.#options.signal?.aborted) {
      return new ConclaveError(
        'aborted',
        `The download of ${this.#id.name} was stopped.`,
        {},
        {
          cause: error,
        },
      )
    }
    if (error instanceof ConclaveError) return error
    const { statusCode: status, syscall, cause } = error as HubFailure
    if (status === undefined) {
      // A file system error carries its call; everything else comes from the connection.
      if (syscall !== undefined && cause === undefined) return this.#failed(String(error), error)
      const reason = `no network answers at ${this.#hubUrl} (${cause?.code ?? error})`
      return this.unreachable(reason, error)
    }
    const at = `${this.#id.name} at revision ${this.#id.revision}`
    const answer = `${this.#hubUrl} answered ${status}`
    if (status === 404) return this.#failed(`${answer}: no ${at}. Check the spelling`, error)
    if (status !== 401 && status !== 403) return this.#failed(`${answer}. Try again later`, error)
    const advice = 'Check the name, or set HF_TOKEN to a token that may read it'
    return this.#failed(`${answer}. ${advice}`, error)
  }

  #failed(reason: string, cause: unknown): ConclaveError {
    const sentence = `Expected to download ${this.#id.name}, but ${reason}.`
    return new ConclaveError('io_error', sentence, {}, { cause })
  }

  /** The error of a machine without network, naming every place that was looked at. */
  unreachable(reason: string, cause: unknown): ConclaveError {
    const looked = [this.#path, this.#repository]
    return new ConclaveError(
      'io_error',
      `Expected ${this.#id.name} as a folder, in the Hugging Face cache or on the Hub, ` +
        `but ${reason}. ` +
        `Looked in ${looked.join(' and ')}. Download the model there, or give its folder.`,
      { looked },
      { cause },
    )
  }
}
