/**
 * The standard Hugging Face cache on disk: refs/<revision> names a commit, snapshots/<commit>/
 * links into blobs/.
 * @module
 */
import { readFile as readFileBack, writeFile as writeFileBack } from 'node:fs'
import { lstat, mkdir, rename, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { fileLimits, openFolder, readText } from './read-file.ts'
import { findWeightFiles } from './weight-files.ts'

// Those of fs/promises leave a descriptor behind where a worker ends while they open it.
const readFile = promisify(readFileBack)
const writeFile = promisify(writeFileBack)

/** A model on the Hub: `owner/name`, at a branch, tag or commit. */
export interface HubId {
  readonly name: string
  readonly revision: string
}

const commitHash = /^[0-9a-f]{40}$/

/** Reads `owner/name` or `owner/name@revision`; null for anything else, paths above all. */
export function parseHubId(id: string): HubId | null {
  const word = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}'
  const match = new RegExp(`^(${word}/${word})(?:@(${word}(?:/${word})*))?$`).exec(id)
  const [, name, revision = 'main'] = match ?? []
  if (name === undefined || /\.\.|--/.test(name) || revision.includes('..')) return null
  return { name, revision }
}

/** The cache's folder, from the same variables as Python's huggingface_hub. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const explicit = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE
  if (explicit) return explicit
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  return join(home, 'hub')
}

/** The folder of one model in the cache. */
export function repositoryFolder(cache: string, { name }: HubId): string {
  return join(cache, `models--${name.replace('/', '--')}`)
}

/** The snapshot of a revision, or null where the cache has none. It may be incomplete. */
export async function cachedSnapshot(repository: string, revision: string): Promise<string | null> {
  let commit = revision
  if (!commitHash.test(revision)) {
    try {
      commit = (await readFile(join(repository, 'refs', revision), 'utf8')).trim()
    } catch {
      return null
    }
  }
  if (!commitHash.test(commit)) return null
  const snapshot = join(repository, 'snapshots', commit)
  const there = await lstat(snapshot).catch(() => null)
  return there?.isDirectory() ? snapshot : null
}

/** True where a snapshot has config.json and all weight files. */
export async function isComplete(snapshot: string): Promise<boolean> {
  try {
    const folder = await openFolder(snapshot)
    if ((await readText(folder, 'config.json', fileLimits.config)) === null) return false
    await findWeightFiles(folder)
    return true
  } catch (error) {
    // Absent files can be fetched; a file that is there and wrong is for the loader to name.
    const absent = ['io_error', 'missing_shard']
    return !(error instanceof ConclaveError && absent.includes(error.code))
  }
}

/**
 * Makes a blob visible as a file of a snapshot: a relative link, or the file itself where links are
 * not allowed.
 */
export async function linkBlob(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true })
  try {
    await symlink(relative(dirname(pointer), blob), pointer)
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return
    await rename(blob, pointer)
  }
}

/** Records which commit a branch or tag stood for. */
export async function writeRef(repository: string, revision: string, commit: string) {
  if (revision === commit) return
  const path = join(repository, 'refs', revision)
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, commit)
  await rename(temporary, path)
}
