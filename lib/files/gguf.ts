/**
 * A GGUF file as plain, checked data, in the shape of a model folder.
 * @module
 */
import { realpath, stat } from 'node:fs/promises'
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { native, nativeCall, type TensorInfo, type WeightStore } from '../native.ts'
import { inSlices, type Slices } from '../slices.ts'
import { configLimits, parseModelConfig } from './config.ts'
import { parseGenerationConfig } from './generation-config.ts'
import { ggufConfig } from './gguf-config.ts'
import { GgufKeys } from './gguf-metadata.ts'
import { ggufLayout } from './gguf-names.ts'
import { checkPart, checkTensorCount, partPaths, splitKeys } from './gguf-parts.ts'
import { ggufTokenizer } from './gguf-tokenizer.ts'
import type { ModelFiles, TokenizerFiles } from './model-folder.ts'
import { fileLimits, firstBytes, withFile } from './read-file.ts'
import { maxTensors, readTensors } from './weight-files.ts'

/** True for a file that is named as GGUF or begins as one. */
export async function isGgufPath(path: string): Promise<boolean> {
  const named = /\.gguf$/i.test(path)
  try {
    const stats = await stat(path)
    return !stats.isDirectory() && (named || (await beginsAsGguf(path)))
  } catch {
    return named // whoever opens it says what is wrong
  }
}

async function beginsAsGguf(path: string): Promise<boolean> {
  const first = await withFile(path, descriptor => firstBytes(descriptor, 4))
  return first?.toString('latin1') === 'GGUF'
}

const tensorsAtATime = 1024

interface Part {
  readonly keys: GgufKeys
  readonly tensors: readonly TensorInfo[]
  readonly ropeDivisors: readonly number[] | null
}

/**
 * Reads everything but the weights and the tokenizer of a GGUF file, or of the first of several
 * parts.
 * Throws `io_error`, `unsupported_format`, `invalid_file`, `invalid_config`, `unsupported_model`,
 * `missing_shard` or `path_forbidden`.
 * @example
 * const { config, weightFiles } = await openGguf('./Qwen3-0.6B-Q8_0.gguf')
 */
export async function openGguf(path: string): Promise<ModelFiles> {
  await expectGguf(path)
  return withPart(path, first => openModel(path, first))
}

async function openModel(path: string, first: Part): Promise<ModelFiles> {
  const split = splitKeys(first.keys)
  const weightFiles = split === null ? [path] : await partPaths(path, split)
  const tensors = new Map<string, TensorInfo>()
  let ropeDivisors: readonly number[] | null = null
  // The first part and one more are open at a time, however many there are.
  for (const [i, file] of weightFiles.entries()) {
    const take = async (part: Part) => {
      if (i > 0 && split !== null) checkPart(part.keys, i, split)
      await inSlices(addTensors(tensors, part.tensors, path))
      ropeDivisors ??= part.ropeDivisors
    }
    await (i === 0 ? take(first) : withPart(file, take))
  }
  if (split !== null) checkTensorCount(path, split, tensors.size)
  const rawConfig = await ggufConfig(first.keys, { tensors, ropeDivisors })
  const config = parseModelConfig(rawConfig)
  const layout = ggufLayout(first.keys.string('general.architecture'), config.headDim)
  return {
    path,
    config,
    rawConfig,
    generation: parseGenerationConfig(null, config),
    weightFiles,
    weightMap: null,
    totalSize: null,
    layout,
    readTokenizer: () => readTokenizer(path, config.vocabSize),
  }
}

function* addTensors(
  all: Map<string, TensorInfo>,
  some: readonly TensorInfo[],
  path: string,
): Slices<void> {
  for (const [i, tensor] of some.entries()) {
    all.set(tensor.name, tensor)
    if (i % tensorsAtATime === 0) yield
  }
  if (all.size > maxTensors) {
    throw new ConclaveError(
      'invalid_file',
      `Expected at most ${maxTensors} tensors in all parts of ${path}, but there are more.`,
      { limit: maxTensors },
    )
  }
}

/** Follows links of the caller's own path, and refuses what is not GGUF before it is mapped. */
async function expectGguf(path: string): Promise<void> {
  let gguf: boolean
  try {
    gguf = await beginsAsGguf(await realpath(path))
  } catch (error) {
    throw new ConclaveError(
      'io_error',
      `Expected a readable file at ${path}, but the system answered ` +
        `${systemCode(error) || String(error)}.`,
      { path },
      { cause: error },
    )
  }
  if (gguf) return
  throw new ConclaveError(
    'unsupported_format',
    `Expected a GGUF file at ${path}, but it does not begin as one.`,
    { path },
  )
}

function withPart<T>(path: string, use: (part: Part) => Promise<T>): Promise<T> {
  return withStore(path, async store => use(await describePart(store, path)))
}

async function withStore<T>(path: string, use: (store: WeightStore) => Promise<T>): Promise<T> {
  const store = await nativeCall(() => native().openWeights([path]))
  try {
    return await use(store)
  } finally {
    store.close()
  }
}

async function readKeys(store: WeightStore, path: string): Promise<GgufKeys> {
  const keys = await GgufKeys.read(store, path)
  if (keys !== null) return keys
  throw new ConclaveError('missing_shard', `Expected a GGUF file at ${path}, but it is another.`)
}

async function describePart(store: WeightStore, path: string): Promise<Part> {
  const keys = await readKeys(store, path)
  const tensors = await readTensors(store)
  const divisors = tensors.find(tensor => tensor.name === 'rope_freqs.weight')
  if (divisors === undefined) return { keys, tensors, ropeDivisors: null }
  const [count = 0, ...more] = divisors.shape
  if (more.length > 0 || count > configLimits.headDim) {
    throw new ConclaveError(
      'invalid_file',
      `Expected "${divisors.name}" in ${path} to be a short vector, but its shape is ` +
        `[${divisors.shape.join(', ')}].`,
      { tensor: divisors.name },
    )
  }
  const ropeDivisors = Array.from(await nativeCall(() => store.read(divisors.name)))
  return { keys, tensors, ropeDivisors }
}

function readTokenizer(path: string, vocabSize: number): Promise<TokenizerFiles | null> {
  return withStore(path, async store => tokenizerOf(await readKeys(store, path), vocabSize))
}

async function tokenizerOf(keys: GgufKeys, vocabSize: number): Promise<TokenizerFiles | null> {
  const tokenizer = await ggufTokenizer(keys, vocabSize)
  if (tokenizer === null) return null
  const chatTemplate = keys.stringOrNull('tokenizer.chat_template')
  if (chatTemplate !== null && chatTemplate.length > fileLimits.template) {
    throw new ConclaveError(
      'invalid_file',
      `Expected a chat template of at most ${fileLimits.template} characters in ` +
        `${keys.where}, but it has ${chatTemplate.length}.`,
    )
  }
  return { ...tokenizer, chatTemplate }
}
