/**
 * The rows of one weight in a file's number format, some at a time.
 * @module
 */
import type { WeightRef } from '../graph/node.ts'
import { nativeCall, type StoredRows, type WeightStore } from '../native.ts'

/** Elements made at a time: some milliseconds of work. */
const chunkElements = 2 ** 21
/** Pieces that are made while the one before them is written. */
const ahead = 2

/** How a weight is written. */
export interface RowsFormat {
  readonly format: 'f32' | 'bf16' | 'int8' | 'q8_0'
  /** Columns that share a scale; the whole row where a format has none. */
  readonly group: number
  /** Each piece has a multiple of so many rows. */
  readonly multiple?: number
}

/** Made on threads, in the order of the rows. */
export async function* storedRows(
  store: WeightStore,
  ref: WeightRef,
  { format, group, multiple = 1 }: RowsFormat,
): AsyncGenerator<StoredRows> {
  const json = JSON.stringify(ref)
  const step = Math.max(1, Math.floor(chunkElements / ref.cols / multiple)) * multiple
  const make = (first: number) => {
    const range = { first, count: Math.min(step, ref.rows - first), group }
    const made = nativeCall(() => store.rows(json, range, format))
    // Whoever stops early does not wait for it.
    made.catch(() => {})
    return made
  }
  const pending: Promise<StoredRows>[] = []
  for (let first = 0; first < ref.rows || pending.length > 0; first += step) {
    if (first < ref.rows) pending.push(make(first))
    if (first >= ref.rows || pending.length > ahead) yield await pending.shift()!
  }
}
