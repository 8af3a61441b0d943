/**
 * A model → one GGUF file with q8_0 matrices, a few rows at a time.
 * @module
 */
import type { FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { writeAll } from '../disk/write.ts'
import type { ModelFolder } from '../files/model-folder.ts'
import type { WeightRef } from '../graph/node.ts'
import type { TensorInfo, WeightStore } from '../native.ts'
import { ggufHeader, paddingAfter } from './gguf-bytes.ts'
import { modelEntries } from './gguf-keys.ts'
import { type PlannedGgufTensor, planGguf, rowBytes } from './gguf-plan.ts'
import { vocabularyEntries } from './gguf-vocabulary.ts'
import { storedRows } from './stored-rows.ts'

export interface GgufPlan {
  readonly header: Uint8Array
  readonly tensors: readonly PlannedGgufTensor[]
  /** Of the whole file. */
  readonly bytes: number
}

/** Throws `unsupported_model` for a model or a tokenizer that the format cannot describe. */
export function planGgufFile(folder: ModelFolder, stored: readonly TensorInfo[]): GgufPlan {
  const tensors = planGguf(folder.config, stored, folder.layout)
  const name = basename(folder.path).replace(/\.gguf$/i, '')
  const entries = [...modelEntries(folder.config, name), ...vocabularyEntries(folder)]
  const header = ggufHeader(entries, tensors)
  const data = tensors.reduce((sum, { bytes }) => sum + bytes + paddingAfter(bytes), 0)
  return { header, tensors, bytes: header.byteLength + data }
}

/** `onBytes` hears of every piece, and may throw to stop. */
export async function writeGguf(
  file: FileHandle,
  { header, tensors }: GgufPlan,
  store: WeightStore,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const write = async (bytes: Uint8Array) => {
    await writeAll(file, bytes)
    onBytes(bytes.byteLength)
  }
  await write(header)
  for (const tensor of tensors) {
    if (tensor.values !== undefined) await write(new Uint8Array(tensor.values.buffer))
    for (const ref of tensor.refs)
      for await (const piece of piecesOf(ref, tensor, store)) await write(piece)
    await write(new Uint8Array(paddingAfter(tensor.bytes)))
  }
}

async function* piecesOf(
  ref: WeightRef,
  { type, interleavedHeadDim }: PlannedGgufTensor,
  store: WeightStore,
): AsyncGenerator<Uint8Array> {
  const rows = { format: type, group: ref.cols, multiple: interleavedHeadDim || 1 }
  const bytes = ref.kind === 'vector' ? rowBytes(type, 1) : rowBytes(type, ref.cols)
  for await (const { data } of storedRows(store, ref, rows))
    yield interleavedHeadDim > 0 ? interleave(data, bytes, interleavedHeadDim) : data
}

/** Rows i and i + half of each head side by side, for readers that rotate neighbours. */
function interleave(rows: Uint8Array, bytes: number, headDim: number): Uint8Array {
  const out = new Uint8Array(rows.length)
  const half = headDim / 2
  for (let row = 0; row * bytes < rows.length; row++) {
    const within = row % headDim
    const to = row - within + (within % half) * 2 + Math.floor(within / half)
    out.set(rows.subarray(row * bytes, (row + 1) * bytes), to * bytes)
  }
  return out
}
