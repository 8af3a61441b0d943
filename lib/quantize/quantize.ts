/**
 * A model → a copy with int8 matrices: a compressed-tensors checkpoint, or a GGUF file.
 * @module
 */
import { stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConclaveError } from '../errors.ts'
import { type ModelFolder, openModelFolder } from '../files/model-folder.ts'
import { checkWeightIndex, readTensors } from '../files/weight-files.ts'
import {
  type LoadProgress,
  native,
  nativeCall,
  type TensorInfo,
  type WeightStore,
} from '../native.ts'
import { inSlices } from '../slices.ts'
import { carriedFiles, checkpointConfig, quantizationConfig } from './checkpoint-config.ts'
import { type CheckpointPlan, defaultShardBytes, planCheckpoint } from './checkpoint-plan.ts'
import { writeFlushed, writeNewFile, writeNewFolder } from './new-folder.ts'
import { planGgufFile, writeGguf } from './write-gguf.ts'
import { writeShard } from './write-shard.ts'

export type QuantizeFormat = 'compressed-tensors' | 'gguf'

export interface QuantizeOptions {
  /**
   * `compressed-tensors` (default): a folder. `gguf`: one file with q8_0 matrices, 32 columns to a
   * scale, that other programs read too.
   */
  format?: QuantizeFormat
  /**
   * Columns that share a scale, in a folder; a divisor of every matrix's columns, or 0 for the
   * whole row. Default: 32 where that divides all of them, else 0.
   */
  group?: number
  /** Bytes of one weight file at most, where no weight is larger. Default 5e9. */
  maxShardBytes?: number
  signal?: AbortSignal
  onProgress?: (progress: LoadProgress) => void
}

export interface QuantizeResult {
  /** Bytes of the weight files that were read. */
  bytesIn: number
  /** Bytes of the weight files that were written. */
  bytesOut: number
  /** Tensors that were written, scales included. */
  tensors: number
}

/**
 * Writes the model at `source` (a folder or a GGUF file) to the new folder or file `target`.
 *
 * Every matrix but routers is rounded as `weights: 'int8'` rounds it while loading, one row after
 * the other: the model is never in memory. `target` appears when all of it is on the disk.
 * Throws `invalid_request` where `target` is there, `disk_full`, `io_error`, `aborted`, and what
 * opening a model throws.
 * @example
 * const { bytesIn, bytesOut } = await quantizeModel('./Qwen3-0.6B', './Qwen3-0.6B-int8')
 */
export async function quantizeModel(
  source: string,
  target: string,
  options: QuantizeOptions = {},
): Promise<QuantizeResult> {
  const folder = await openModelFolder(source)
  const store = await nativeCall(() => native().openWeights(folder.weightFiles))
  try {
    const tensors = await readTensors(store)
    await inSlices(checkWeightIndex(folder, tensors))
    const path = resolve(target)
    const write = options.format === 'gguf' ? writeGgufFile : writeCheckpoint
    const written = await write(path, { folder, store, tensors }, options)
    const sizes = await Promise.all(folder.weightFiles.map(async file => (await stat(file)).size))
    return { bytesIn: sizes.reduce((a, b) => a + b, 0), ...written }
  } finally {
    store.close()
  }
}

type Written = Omit<QuantizeResult, 'bytesIn'>

/** The model that is converted. */
interface Source {
  folder: ModelFolder
  store: WeightStore
  tensors: readonly TensorInfo[]
}

async function writeCheckpoint(
  path: string,
  { folder, store, tensors }: Source,
  options: QuantizeOptions,
): Promise<Written> {
  const { group, maxShardBytes = defaultShardBytes } = options
  const sizes = { group, maxShardBytes }
  const plan = planCheckpoint(folder.config, tensors, folder.layout, sizes)
  const bytesOut = await writeNewFolder(path, async temporary => {
    await refuseFullDisk(temporary, plan.bytes)
    const bytes = await writeWeights(temporary, plan, store, options)
    await writeSmallFiles(temporary, folder, quantizationConfig(plan.group, plan.ignored))
    return bytes
  })
  const written = plan.shards.flatMap(shard => shard.weights.flatMap(weight => weight.tensors))
  return { bytesOut, tensors: written.length }
}

async function writeGgufFile(
  path: string,
  { folder, store, tensors }: Source,
  options: QuantizeOptions,
): Promise<Written> {
  const plan = planGgufFile(folder, tensors)
  await writeNewFile(path, async (file, temporary) => {
    await refuseFullDisk(temporary, plan.bytes)
    await writeGguf(file, plan, store, counter(plan.bytes, options))
  })
  return { bytesOut: plan.bytes, tensors: plan.tensors.length }
}

/** Told of every piece that was written; throws `aborted`. */
function counter(totalBytes: number, { signal, onProgress }: QuantizeOptions) {
  let doneBytes = 0
  return (bytes: number) => {
    if (signal?.aborted)
      throw new ConclaveError('aborted', 'The conversion was stopped; nothing was written.')
    doneBytes += bytes
    onProgress?.({ phase: 'quantize', doneBytes, totalBytes })
  }
}

/** All shards, and their index where there are several. Gives the bytes of the files. */
async function writeWeights(
  temporary: string,
  plan: CheckpointPlan,
  store: WeightStore,
  options: QuantizeOptions,
): Promise<number> {
  const count = plan.shards.length
  const number = (n: number) => String(n).padStart(5, '0')
  const weightMap: [string, string][] = []
  const onBytes = counter(plan.bytes, options)
  let fileBytes = 0
  for (const [i, shard] of plan.shards.entries()) {
    const name =
      count === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(count)}.safetensors`
    await writeFlushed(join(temporary, name), file => writeShard(file, shard, store, onBytes))
    fileBytes += (await stat(join(temporary, name))).size
    for (const { tensors } of shard.weights)
      for (const tensor of tensors) weightMap.push([tensor.name, name])
  }
  if (count > 1) {
    const index = {
      metadata: { total_size: plan.bytes },
      weight_map: Object.fromEntries(weightMap),
    }
    await writeJson(join(temporary, 'model.safetensors.index.json'), index)
  }
  return fileBytes
}

async function writeSmallFiles(temporary: string, folder: ModelFolder, quantization: object) {
  await writeJson(join(temporary, 'config.json'), checkpointConfig(folder, quantization))
  for await (const [name, bytes] of carriedFiles(folder))
    await writeFlushed(join(temporary, name), file => file.writeFile(bytes))
}

function writeJson(path: string, value: object): Promise<void> {
  return writeFlushed(path, file => file.writeFile(`${JSON.stringify(value, null, 2)}\n`))
}

/** Says it before the work rather than after hours; a disk may still fill up meanwhile. */
async function refuseFullDisk(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  throw new ConclaveError(
    'disk_full',
    `Expected ${bytes} free bytes on the disk of ${dirname(folder)}, but it has ${bavail * bsize}.`,
    { needed: bytes, available: bavail * bsize },
  )
}
