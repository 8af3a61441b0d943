import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../lib/files/config.ts'
import { recordModel } from '../../lib/models/registry.ts'
import { type Executor, native, type StepBatch } from '../../lib/native.ts'
import { addon, firstMissing, needs } from '../engine/needs.ts'

const folder = join(import.meta.dirname, '../golden/moe-f32')
const ids = [5, 9, 300, 2, 7]
type Arrays = Exclude<keyof StepBatch, 'maxPages' | 'cache' | 'packed' | `want${string}`>

const plain = (): Record<Arrays, Int32Array> => ({
  tokenIds: Int32Array.from(ids),
  positions: Int32Array.from(ids.keys()),
  queryStarts: Int32Array.of(0, ids.length),
  kvLengths: Int32Array.of(ids.length),
  pageTables: Int32Array.of(3),
  logitRows: Int32Array.of(ids.length - 1),
  samplers: Int32Array.of(-1),
})
const names = Object.keys(plain()) as Arrays[]
const rest = { maxPages: 1, wantLogits: true }

/** The same numbers in memory of another kind, at an offset; `spoil` is called during the step. */
const kinds: [string, (values: Int32Array) => { array: Int32Array; spoil: () => void }][] = [
  ['a view at an offset', values => place(values, new ArrayBuffer(4 * values.length + 64))],
  [
    'shared memory',
    values => place(values, new SharedArrayBuffer(4 * values.length + 64) as never),
  ],
  [
    'a resizable buffer',
    values => {
      const size = 4 * values.length + 64
      // TypeScript's library of Node 20 does not know the second argument yet.
      const Buffer = ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer
      const buffer = new Buffer(size, { maxByteLength: 4 * size })
      const { array } = place(values, buffer)
      return { array, spoil: () => (buffer as unknown as { resize(n: number): void }).resize(0) }
    },
  ],
  [
    'a buffer that is transferred away',
    values => {
      const { array } = place(values, new ArrayBuffer(4 * values.length + 64))
      return { array, spoil: () => structuredClone(array.buffer, { transfer: [array.buffer] }) }
    },
  ],
]

function place(values: Int32Array, buffer: ArrayBuffer) {
  const array = new Int32Array(buffer, 32, values.length)
  array.set(values)
  return { array, spoil: () => array.length > 0 && array.fill(2 ** 31 - 1) }
}

describe('arrays of a step', () => {
  needs(addon)
  let executor: Executor
  let expected: Float32Array | null

  beforeAll(async () => {
    if (firstMissing([addon])) return
    const config = parseModelConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
    const store = await native().openWeights([join(folder, 'model.safetensors')])
    const options = { pageSize: 16, numPages: 8, maxBatchTokens: 64, maxSequences: 4, threads: 1 }
    executor = await native().createExecutor(
      JSON.stringify(recordModel(config, store.tensors()).graph),
      store,
      {
        device: 'cpu',
        weights: 'auto',
        kvCache: 'f32',
        validate: false,
        deterministic: true,
        ...options,
      },
      new Int32Array(1),
      () => {},
    )
    store.close()
    expected = (await executor.step({ ...plain(), ...rest })).logits
  })
  afterAll(() => executor?.dispose())

  it.each(kinds)('are read before the call returns: %s', async (_, make) => {
    const made = names.map(name => [name, make(plain()[name])] as const)
    const arrays = Object.fromEntries(made.map(([name, { array }]) => [name, array]))
    const step = executor.step({ ...(arrays as ReturnType<typeof plain>), ...rest })
    for (const [, { spoil }] of made) spoil()
    expect((await step).logits).toEqual(expected)
  })

  it.each(names)('that are gone count as empty: %s', async name => {
    for (const [, make] of kinds.slice(2)) {
      const { array, spoil } = make(plain()[name])
      spoil()
      const step = executor.step({ ...plain(), ...rest, [name]: array })
      await expect(step).rejects.toMatchObject({ code: 'invalid_request' })
    }
    expect((await executor.step({ ...plain(), ...rest })).logits).toEqual(expected)
  })

  /** A header, then the arrays in their order; `flags` 1: the logits come back. */
  const packed = (changes: Partial<Record<number, number>> = {}) => {
    const header = [ids.length, 1, 1, 1, 0, 1, 0, 0]
    for (const [i, value] of Object.entries(changes)) header[Number(i)] = value!
    return Int32Array.from([...header, ...names.flatMap(name => [...plain()[name]])])
  }

  it.each(kinds)('may come as one, with results to write to: %s', async (_, make) => {
    const words = make(packed())
    const results = make(new Int32Array(64))
    const step = executor.stepPacked(words.array, results.array)
    words.spoil()
    results.spoil()
    expect((await step)!.logits).toEqual(expected)
    if (results.array.length > 0) expect([...results.array.subarray(0, 2)]).toEqual([1, 0])
    else expect(await step).toMatchObject({ status: Int32Array.of(0), topN: 0 })
    const small = await executor.stepPacked(packed(), new Int32Array(10))
    expect(small).toMatchObject({ tokenIds: Int32Array.of(-1), logits: expected })
  })

  it.each([
    ['more tokens', packed({ 0: 6 })],
    ['fewer rows', packed({ 2: 0 })],
    ['a negative number of pages', packed({ 3: -1 })],
    ['a huge number of pages', packed({ 1: 2 ** 31 - 1, 3: 2 ** 31 - 1 })],
    ['a cache that is not open', packed({ 4: 77 })],
    ['no header', new Int32Array(7)],
    ['another type', new Float32Array(40) as never],
  ])('refuses one array with %s', async (_, words) => {
    const step = executor.stepPacked(words, new Int32Array(64))
    await expect(step).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await executor.stepPacked(packed(), new Int32Array(64)))!.logits).toEqual(expected)
  })

  it('may be taken back while they wait', async () => {
    const first = executor.stepPacked(packed(), new Int32Array(64))
    const second = executor.stepPacked(packed(), new Int32Array(64))
    const isBack = executor.retract(0)
    expect((await first)!.logits).toEqual(expected)
    if (isBack) await expect(second).rejects.toMatchObject({ code: 'aborted' })
    else expect((await second)!.logits).toEqual(expected)
    expect(executor.retract(0)).toBe(false)
    expect(executor.retract(5)).toBe(false)
  })
})
