/**
 * One safetensors file, a few rows at a time.
 * @module
 */
import type { FileHandle } from 'node:fs/promises'
import { writeAll } from '../disk/write.ts'
import type { WeightStore } from '../native.ts'
import type { PlannedShard, PlannedWeight } from './checkpoint-plan.ts'
import { storedRows } from './stored-rows.ts'

/** The header and all tensors; `onBytes` hears of every piece, and may throw to stop. */
export async function writeShard(
  file: FileHandle,
  shard: PlannedShard,
  store: WeightStore,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await writeAll(file, header(shard))
  for (const weight of shard.weights) {
    for await (const piece of piecesOf(weight, store)) {
      await writeAll(file, piece)
      onBytes(piece.byteLength)
    }
  }
}

/** Length, JSON padded with spaces to a multiple of 8, so that tensors begin on such a byte. */
function header({ weights }: PlannedShard): Uint8Array {
  const entries: [string, object][] = [['__metadata__', { format: 'pt' }]]
  let at = 0
  for (const { name, dtype, shape, bytes } of weights.flatMap(weight => weight.tensors)) {
    entries.push([name, { dtype, shape, data_offsets: [at, at + bytes] }])
    at += bytes
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const text = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text])
}

async function* piecesOf(
  { ref, format, group }: PlannedWeight,
  store: WeightStore,
): AsyncGenerator<Uint8Array> {
  const scales: Float32Array[] = []
  for await (const rows of storedRows(store, ref, { format, group })) {
    if (format === 'int8') scales.push(withoutZeros(rows.scales, rows.data, group))
    yield rows.data
  }
  for (const part of scales) yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
}

/**
 * Readers expect scales above zero. Where all values are zero, or so small that their scale is, any
 * scale says the same.
 */
function withoutZeros(scales: Float32Array, values: Uint8Array, group: number): Float32Array {
  for (let i = scales.indexOf(0); i >= 0; i = scales.indexOf(0, i + 1)) {
    scales[i] = 1
    values.fill(0, i * group, (i + 1) * group)
  }
  return scales
}
