/** Reads the golden checkpoints; test/golden/README.md says what they hold. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const goldenFolder = join(dirname(fileURLToPath(import.meta.url)), '../golden')

export interface GoldenPrompt {
  ids: number[]
  /** (vocabSize) */
  last: Float32Array
  /** (ids.length × vocabSize), where it is stored. */
  all?: Float32Array
  greedy: number[]
  margin: number
}

export interface GoldenCase {
  name: string
  folder: string
  dtype: 'f32' | 'f16' | 'bf16' | 'mixed'
  vocabSize: number
  prompts: GoldenPrompt[]
  /** layers: layer index → expert ids of each position, ascending. */
  routes: { ids: number[]; layers: Record<string, number[][]> } | null
}

function unpack(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i))
}

export function goldenCase(name: string): GoldenCase {
  const folder = join(goldenFolder, name)
  const revive = (key: string, value: unknown) =>
    key === 'last' || key === 'all' ? unpack(value as string) : value
  return {
    name,
    folder,
    ...JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8'), revive),
  }
}

export const goldenNames = readdirSync(goldenFolder, { withFileTypes: true })
  .filter(entry => entry.isDirectory() && entry.name !== 'unsupported')
  .map(entry => entry.name)

/** max |actual − expected| / max |expected|; NaN where a value is NaN. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  let error = 0
  let largest = 0
  expected.forEach((value, i) => {
    const difference = Math.abs(actual[i]! - value)
    if (!(difference <= error)) error = difference
    largest = Math.max(largest, Math.abs(value))
  })
  return error / largest
}

/** Worst {@link relativeError} over rows of `width`. */
export function worstRowError(actual: Float32Array, expected: Float32Array, width: number): number {
  let worst = 0
  for (let start = 0; start < expected.length; start += width) {
    const row = [actual, expected].map(values => values.subarray(start, start + width))
    const error = relativeError(row[0]!, row[1]!)
    if (!(error <= worst)) worst = error
  }
  return worst
}

/** Index of the largest value in each row of `width`. */
export function argmaxRows(logits: Float32Array, width: number): number[] {
  return Array.from({ length: logits.length / width }, (_, row) => {
    const values = logits.subarray(row * width, (row + 1) * width)
    return values.indexOf(Math.max(...values))
  })
}
