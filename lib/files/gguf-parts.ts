/**
 * Models split over files: `name-00001-of-0000N.gguf`.
 * @module
 */
import { basename, dirname, join } from 'node:path'
import { ConclaveError } from '../errors.ts'
import type { GgufKeys } from './gguf-metadata.ts'
import { openFolder } from './read-file.ts'
import { maxWeightFiles, resolveShards } from './weight-files.ts'

/** What the keys of one part say about the whole. */
export interface SplitKeys {
  readonly index: number
  readonly count: number
  readonly tensorCount: number | null
}

/** Null for a file that is a model by itself. Throws `missing_shard` for counts that cannot be. */
export function splitKeys(keys: GgufKeys): SplitKeys | null {
  const count = keys.intOrNull('split.count') ?? 0
  if (count === 0) return null
  const index = keys.intOrNull('split.no') ?? -1
  const tensorCount = keys.intOrNull('split.tensors.count')
  if (count < 0 || count > maxWeightFiles) {
    throw wrongSplit(keys.where, `1 to ${maxWeightFiles} parts`, `split.count is ${count}`)
  }
  if (index < 0 || index >= count) {
    throw wrongSplit(keys.where, `a part below ${count}`, `split.no is ${index}`)
  }
  return { index, count, tensorCount }
}

/**
 * Paths of all parts, from the path and keys of the first one. Nothing but names of that pattern
 * in the same folder is looked at. Throws `missing_shard` naming up to ten, or `path_forbidden`.
 */
export async function partPaths(path: string, split: SplitKeys): Promise<string[]> {
  if (split.index !== 0) {
    throw wrongSplit(path, 'the first part of the model', `it is part ${split.index + 1}`)
  }
  if (split.count === 1) return [path]
  const [, stem, of] = /^(.*)-00001-of-(\d{5})\.gguf$/.exec(basename(path)) ?? []
  if (stem === undefined || Number(of) !== split.count) {
    const name = `-00001-of-${String(split.count).padStart(5, '0')}.gguf`
    throw wrongSplit(path, `a name that ends in ${name}`, `split.count is ${split.count}`)
  }
  const folder = await openFolder(dirname(path))
  const names = Array.from(
    { length: split.count - 1 },
    (_, i) => `${stem}-${String(i + 2).padStart(5, '0')}-of-${of}.gguf`,
  )
  return [path, ...(await resolveShards(folder, names, `${split.count} parts`))]
}

/** Checks that a later part is the one that its place says. */
export function checkPart(keys: GgufKeys, index: number, first: SplitKeys): void {
  const split = splitKeys(keys)
  if (split?.index === index && split.count === first.count) return
  const came = split === null ? 'it is no part' : `it is part ${split.index + 1} of ${split.count}`
  throw wrongSplit(keys.where, `part ${index + 1} of ${first.count}`, came)
}

/** Checks that the parts hold as many tensors as the first one promises. */
export function checkTensorCount(path: string, { tensorCount }: SplitKeys, actual: number): void {
  if (tensorCount === null || tensorCount === actual) return
  throw wrongSplit(path, `${tensorCount} tensors in all parts`, `they hold ${actual}`)
}

function wrongSplit(path: string, expected: string, came: string): ConclaveError {
  return new ConclaveError(
    'missing_shard',
    `Expected ${expected} at ${join(path)}, but ${came}. Download the model again.`,
    { path, expected },
  )
}
