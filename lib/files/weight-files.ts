/**
 * Which weight files a folder has, and whether its index agrees with them.
 * @module
 */
import { readdir } from 'node:fs/promises'
import { ConclaveError } from '../errors.ts'
import { nativeCall, type TensorInfo, type WeightStore } from '../native.ts'
import { inSlices, type Slices } from '../slices.ts'
import { isObject, shown } from './config-reader.ts'
import { type Folder, fileLimits, readJson, resolveFile } from './read-file.ts'

/** The weights of a folder. */
export interface WeightFiles {
  /** Absolute paths, in the order of the index. */
  readonly weightFiles: string[]
  /** Tensor name → file name, where the folder has an index. */
  readonly weightMap: ReadonlyMap<string, string> | null
  /** Bytes of all tensors, where the index says it. */
  readonly totalSize: number | null
}

/** Most weight files of one model; the largest published ones have a few hundred. */
export const maxWeightFiles = 4096

/** Most tensors of one model: native/io/limits.h. */
export const maxTensors = 2 ** 18
const tensorsAtATime = 1024

const indexName = 'model.safetensors.index.json'
const singleName = 'model.safetensors'
const otherFormats = /\.(bin|pt|pth|ckpt|gguf|ggml|h5|msgpack|onnx|pkl|npz)$/i

function listed(names: readonly string[]): string {
  const rest = names.length - 10
  return names.slice(0, 10).map(shown).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

/**
 * Finds the safetensors of a folder: `model.safetensors`, else those of the index, else a complete
 * numbered set.
 * Throws `missing_shard`, `path_forbidden`, `invalid_file`, `unsupported_format` or `io_error`.
 */
export async function findWeightFiles(folder: Folder): Promise<WeightFiles> {
  const single = await resolveFile(folder, singleName)
  if (single !== null) return { weightFiles: [single], weightMap: null, totalSize: null }
  const index = await readJson(folder, indexName, fileLimits.index)
  if (index !== undefined) {
    const { weightMap, totalSize } = await inSlices(parseWeightIndex(index))
    const names = [...new Set(weightMap.values())]
    return { weightFiles: await resolveShards(folder, names), weightMap, totalSize }
  }
  const names = numberedSet(await readdir(folder.path), folder.path)
  return { weightFiles: await resolveShards(folder, names), weightMap: null, totalSize: null }
}

/**
 * Real paths of the named files of a folder, in order. Throws `missing_shard` naming up to ten that are not there;
 * `expected` begins its sentence: "3 weight files".
 */
export async function resolveShards(
  folder: Folder,
  names: readonly string[],
  expected = `${names.length} weight files`,
): Promise<string[]> {
  const found: string[] = []
  const missing: string[] = []
  for (const name of names) {
    const real = await resolveFile(folder, name)
    if (real === null) missing.push(name)
    else found.push(real)
  }
  if (missing.length === 0) return found
  throw new ConclaveError(
    'missing_shard',
    `Expected ${expected} in ${folder.path}, but ${missing.length} are missing: ` +
      `${listed(missing)}. Download the model again.`,
    { missing: missing.slice(0, 10), count: missing.length },
  )
}

/** Names of a folder without an index: one safetensors file, or all of a set x-00001-of-0000n. */
function numberedSet(entries: readonly string[], path: string): string[] {
  const files = entries.filter(name => name.endsWith('.safetensors')).sort()
  const [first] = files
  if (first === undefined) throw noWeights(entries, path)
  const parts = /^(.*)-00001-of-(\d{5})\.safetensors$/.exec(first)
  if (parts === null) {
    if (files.length === 1) return files
    throw new ConclaveError(
      'invalid_file',
      `Expected ${singleName} or ${indexName} in ${path}, but found ${listed(files)} without an ` +
        'index.',
    )
  }
  const count = Number(parts[2])
  if (count > maxWeightFiles) throw tooMany(count)
  return Array.from({ length: count }, (_, i) => {
    return `${parts[1]}-${String(i + 1).padStart(5, '0')}-of-${parts[2]}.safetensors`
  })
}

function noWeights(entries: readonly string[], path: string): ConclaveError {
  const others = entries.filter(name => otherFormats.test(name)).sort()
  if (others.length > 0) {
    return new ConclaveError(
      'unsupported_format',
      `Expected weights as safetensors in ${path}, but found only ${listed(others)}. ` +
        'Give the path of the .gguf file itself, or use the safetensors version of the model; ' +
        'pickle files are never opened.',
      { files: others.slice(0, 10) },
    )
  }
  return new ConclaveError(
    'io_error',
    `Expected ${singleName} or ${indexName} in ${path}, but there is neither.`,
  )
}

function tooMany(count: number): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    `Expected at most ${maxWeightFiles} weight files, but the model names ${count}.`,
    { limit: maxWeightFiles, actual: count },
  )
}

/**
 * Reads a parsed index. Every file must be a bare name: `path_forbidden` for anything that could
 * leave the folder.
 */
export function* parseWeightIndex(raw: unknown): Slices<{
  weightMap: ReadonlyMap<string, string>
  totalSize: number | null
}> {
  const map = isObject(raw) && isObject(raw.weight_map) ? raw.weight_map : {}
  const names = Object.keys(map)
  yield
  if (names.length === 0) {
    throw new ConclaveError(
      'invalid_file',
      `Expected "weight_map" in ${indexName} to map tensor names to file names, but it does not.`,
    )
  }
  if (names.length > maxTensors) throw tooManyTensors(names.length)
  const weightMap = new Map<string, string>()
  const files = new Set<string>()
  for (const tensor of names) {
    const file = checkedName(tensor, map[tensor])
    weightMap.set(tensor, file)
    files.add(file)
    if (weightMap.size % tensorsAtATime === 0) yield
  }
  if (files.size > maxWeightFiles) throw tooMany(files.size)
  const metadata = isObject(raw) ? raw.metadata : undefined
  const size = isObject(metadata) ? (metadata.total_size ?? null) : null
  if (size !== null && (!Number.isSafeInteger(size) || (size as number) < 0)) {
    throw new ConclaveError(
      'invalid_file',
      `Expected "total_size" in ${indexName} to be a number of bytes, but it is ${shown(size)}.`,
    )
  }
  // Writers that do not count put 0 there.
  return { weightMap, totalSize: size === 0 ? null : (size as number | null) }
}

function tooManyTensors(count: number): ConclaveError {
  return new ConclaveError(
    'invalid_file',
    `Expected at most ${maxTensors} tensors in ${indexName}, but it names ${count}.`,
    { limit: maxTensors, actual: count },
  )
}

function checkedName(tensor: string, file: unknown): string {
  if (typeof file !== 'string' || file === '') {
    throw new ConclaveError(
      'invalid_file',
      `Expected a file name for ${shown(tensor)} in ${indexName}, but it is ${shown(file)}.`,
    )
  }
  // Separators of any system, drive letters and URL schemes (colon), and the two names that are no
  // files.
  const forbidden = ['/', '\\', '\0', ':']
  if (forbidden.some(c => file.includes(c)) || file === '.' || file === '..') {
    throw new ConclaveError(
      'path_forbidden',
      `Expected a bare file name for ${shown(tensor)} in ${indexName}, but it is ${shown(file)}.`,
      { tensor, file: file.slice(0, 200) },
    )
  }
  if (file.endsWith('.safetensors')) return file
  throw new ConclaveError(
    'unsupported_format',
    `Expected safetensors files in ${indexName}, but ${shown(tensor)} is in ${shown(file)}.`,
    { file: file.slice(0, 200) },
  )
}

/** What the headers of the weight files declare, as native code reports it. */
export interface DeclaredTensor {
  readonly name: string
  readonly bytes: number
  /** Index into `weightFiles`. */
  readonly file: number
}

/** All tensors of a store, with turns of the event loop in between. */
export function readTensors(store: WeightStore): Promise<TensorInfo[]> {
  return nativeCall(() => inSlices(tensorSlices(store)))
}

function* tensorSlices(store: WeightStore): Slices<TensorInfo[]> {
  const tensors: TensorInfo[] = []
  for (;;) {
    const some = store.tensors(tensors.length, tensorsAtATime)
    if (some.length === 0) return tensors
    tensors.push(...some)
    yield
  }
}

/**
 * Checks that each tensor of the index lies in the file that the index names, and that the sizes
 * add up.
 * Throws `invalid_file` listing up to ten names. Without an index there is nothing to check.
 */
export function* checkWeightIndex(
  { weightFiles, weightMap, totalSize }: WeightFiles,
  tensors: readonly DeclaredTensor[],
): Slices<void> {
  if (weightMap === null) return
  const stored = new Map<string, DeclaredTensor>()
  for (const [i, tensor] of tensors.entries()) {
    stored.set(tensor.name, tensor)
    if (i % tensorsAtATime === 0) yield
  }
  // The files lie in the order in which the index first names them.
  const fileNumbers = new Map<string, number>()
  const wrong: string[] = []
  let bytes = 0
  let seen = 0
  for (const [name, file] of weightMap) {
    if (!fileNumbers.has(file)) fileNumbers.set(file, fileNumbers.size)
    const tensor = stored.get(name)
    bytes += tensor?.bytes ?? 0
    if (tensor === undefined || tensor.file !== fileNumbers.get(file)) wrong.push(name)
    if (seen++ % tensorsAtATime === 0) yield
  }
  if (wrong.length > 0) {
    throw new ConclaveError(
      'invalid_file',
      `Expected the ${weightFiles.length} weight files to hold what ${indexName} says, ` +
        `but ${wrong.length} ` +
        `tensors are not in their file: ${listed(wrong)}.`,
      { tensors: wrong.slice(0, 10), count: wrong.length },
    )
  }
  if (totalSize === null || totalSize === bytes) return
  throw new ConclaveError(
    'invalid_file',
    `Expected ${totalSize} bytes of tensors as "total_size" in ${indexName} says, but the files ` +
      `hold ${bytes}.`,
    { limit: totalSize, actual: bytes },
  )
}
