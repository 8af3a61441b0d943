import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../lib/files/config.ts'
import { recordModel } from '../../lib/models/registry.ts'
import {
  type Executor,
  type ExecutorOptions,
  native,
  type StepBatch,
  type WeightStore,
} from '../../lib/native.ts'

const folder = join(import.meta.dirname, '../golden/moe-f32')
const config = parseModelConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
const options: ExecutorOptions = {
  device: 'cpu',
  weights: 'auto',
  kvCache: 'f32',
  threads: 2,
  pageSize: 16,
  numPages: 8,
  maxBatchTokens: 64,
  maxSequences: 4,
  validate: false,
  deterministic: true,
}
const ids = [5, 9, 300, 2, 7]

function batch(changes: Partial<StepBatch> = {}): StepBatch {
  return {
    tokenIds: Int32Array.from(ids),
    positions: Int32Array.from(ids.keys()),
    queryStarts: Int32Array.of(0, ids.length),
    kvLengths: Int32Array.of(ids.length),
    pageTables: Int32Array.of(3),
    maxPages: 1,
    logitRows: Int32Array.of(ids.length - 1),
    samplers: Int32Array.of(-1),
    wantLogits: true,
    ...changes,
  }
}

let store: WeightStore
let executor: Executor
let json: string
const create = (
  changes: Partial<ExecutorOptions> = {},
  cancel = new Int32Array(1),
  onProgress = () => {},
) => native().createExecutor(json, store, { ...options, ...changes }, cancel, onProgress)

beforeAll(async () => {
  store = await native().openWeights([join(folder, 'model.safetensors')])
  json = JSON.stringify(recordModel(config, store.tensors()).graph)
  executor = await create()
})
afterAll(async () => {
  await executor.dispose()
  store.close()
})

describe('a step', () => {
  it('gives the same bits twice, on any page', async () => {
    const a = await executor.step(batch())
    const b = await executor.step(batch({ pageTables: Int32Array.of(7) }))
    expect(a.logits).toHaveLength(config.vocabSize)
    expect(Buffer.from(a.logits!.buffer)).toEqual(Buffer.from(b.logits!.buffer))
  })

  it('runs two sequences as it runs each alone', async () => {
    const alone = await executor.step(batch())
    const both = await executor.step(
      batch({
        tokenIds: Int32Array.from([11, ...ids]),
        positions: Int32Array.from([0, ...ids.keys()]),
        queryStarts: Int32Array.of(0, 1, 1 + ids.length),
        kvLengths: Int32Array.of(1, ids.length),
        pageTables: Int32Array.of(1, 2),
        logitRows: Int32Array.of(ids.length),
      }),
    )
    expect(both.logits).toEqual(alone.logits)
  })

  it('gives more rows of logits than it has sequences', async () => {
    const rows = Int32Array.from({ length: 64 }, (_, i) => i)
    const result = await executor.step(
      batch({
        tokenIds: rows,
        positions: rows,
        queryStarts: Int32Array.of(0, 64),
        kvLengths: Int32Array.of(64),
        pageTables: Int32Array.of(0, 1, 2, 3),
        maxPages: 4,
        logitRows: rows,
        samplers: new Int32Array(64).fill(-1),
      }),
    )
    expect(result.logits).toHaveLength(64 * config.vocabSize)
  })

  it('tells the experts of each token on request', async () => {
    const { routes } = await executor.step(batch({ wantRoutes: true }))
    expect(routes).toHaveLength(config.numHiddenLayers * ids.length * config.moe!.numExpertsPerTok)
    expect(Math.max(...routes!)).toBeLessThan(config.moe!.numExperts)
    expect((await executor.step(batch())).routes).toBeNull()
  })

  it('in a cache of its own gives the same bits, whatever other caches hold', async () => {
    const alone = await executor.step(batch())
    const sizes = { numPages: 2, maxBatchTokens: 96, maxSequences: 2 }
    const [first, second] = await Promise.all([
      executor.openCache(sizes),
      executor.openCache({ ...sizes, numPages: 9 }),
    ])
    const other = { tokenIds: Int32Array.of(7, 7, 7, 7, 7), pageTables: Int32Array.of(1) }
    const own = await executor.step(batch({ cache: first, pageTables: Int32Array.of(1) }))
    await executor.step(batch({ cache: second, ...other }))
    expect(own.logits).toEqual(alone.logits)
    const next = {
      tokenIds: Int32Array.of(4),
      positions: Int32Array.of(ids.length),
      queryStarts: Int32Array.of(0, 1),
      kvLengths: Int32Array.of(ids.length + 1),
      logitRows: Int32Array.of(0),
    }
    const after = { ...next, cache: first, pageTables: Int32Array.of(1) }
    expect((await executor.step(batch(after))).logits).toEqual(
      (await executor.step(batch(next))).logits,
    )
    const beyond = executor.step(batch({ cache: first, pageTables: Int32Array.of(2) }))
    await expect(beyond).rejects.toMatchObject({ code: 'invalid_request' })
    const rows = Int32Array.from({ length: 96 }, (_, i) => i)
    const wide = {
      tokenIds: rows,
      positions: rows,
      queryStarts: Int32Array.of(0, 96),
      kvLengths: Int32Array.of(96),
      pageTables: Int32Array.of(0, 1, 2, 3, 4, 5),
      maxPages: 6,
      logitRows: Int32Array.of(95),
    }
    expect((await executor.step(batch({ ...wide, cache: second }))).logits).not.toBeNull()
    const counts = executor.expertCounts(first)
    const chosen = (ids.length + 1) * config.moe!.numExpertsPerTok * config.numHiddenLayers
    expect(counts).toHaveLength(config.moe!.numExperts * config.numHiddenLayers)
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(chosen)
    executor.closeCache(first)
    expect(() => executor.expertCounts(first)).toThrow(/is not open/)
    await expect(executor.step(batch(after))).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await executor.step(batch())).logits).toEqual(alone.logits)
    executor.closeCache(0)
    expect((await executor.step(batch())).logits).toEqual(alone.logits)
  })

  it('counts the time of each node while it is asked to', async () => {
    await executor.step(batch())
    expect(await executor.profile(true)).toHaveLength(0)
    await executor.step(batch())
    await executor.step(batch())
    const counted = await executor.profile(false)
    expect(counted.at(-1)).toBe(2)
    expect(Math.min(...counted.slice(0, -2))).toBeGreaterThan(0)
    await executor.step(batch())
    expect(await executor.profile(false)).toHaveLength(0)
  })

  it.each([0, 2 ** 40, 1.5])('refuses a cache of %d pages', async numPages => {
    const sizes = { numPages, maxBatchTokens: 1, maxSequences: 1 }
    expect(() => executor.openCache(sizes)).toThrow(/numPages/)
  })

  const bad: [string, Partial<StepBatch>][] = [
    ['a cache that is not open', { cache: 999 }],
    [
      'no token',
      {
        tokenIds: new Int32Array(0),
        positions: new Int32Array(0),
        queryStarts: Int32Array.of(0, 0),
      },
    ],
    ['a token id past the vocabulary', { tokenIds: Int32Array.of(5, 9, 311, 2, 7) }],
    ['a token of a row that was not there', { tokenIds: Int32Array.of(5, 9, -2, 2, 7) }],
    ['positions that jump', { positions: Int32Array.of(0, 1, 3, 4, 5) }],
    ['a page that is not there', { pageTables: Int32Array.of(8) }],
    ['a negative page', { pageTables: Int32Array.of(-1) }],
    ['a length beyond its pages', { kvLengths: Int32Array.of(17) }],
    ['a length below its tokens', { kvLengths: Int32Array.of(4) }],
    ['a logit row past the tokens', { logitRows: Int32Array.of(5) }],
    ['query starts that do not end at the tokens', { queryStarts: Int32Array.of(0, 4) }],
    [
      'query starts that do not rise',
      {
        queryStarts: Int32Array.of(0, 5, 5),
        kvLengths: Int32Array.of(5, 0),
        pageTables: Int32Array.of(0, 0),
      },
    ],
    ['a page table of another size', { pageTables: Int32Array.of(0, 1) }],
    ['samplers of another length', { samplers: new Int32Array(2) }],
    ['an array of another type', { positions: new Float32Array(5) as never }],
    ['a missing array', { kvLengths: undefined as never }],
    ['a detached array', { tokenIds: detached() }],
  ]
  it.each(bad)('refuses %s and goes on', async (_, changes) => {
    await expect(executor.step(batch(changes))).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await executor.step(batch())).logits).toHaveLength(config.vocabSize)
  })
})

function detached(): Int32Array {
  const array = Int32Array.from(ids)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

describe('the graph boundary', () => {
  const change = (edit: (graph: ReturnType<typeof JSON.parse>) => void) => {
    const graph = JSON.parse(json)
    edit(graph)
    return () => native().planGraph(JSON.stringify(graph), options)
  }
  it.each<[string, (g: ReturnType<typeof JSON.parse>) => void]>([
    [
      'more values than any model has',
      g => g.values.push(...Array.from({ length: 70_000 }, (_, i) => ({ ...g.values[3], id: i }))),
    ],
    [
      'another version',
      g => {
        g.version = 2
      },
    ],
    [
      'an unknown op',
      g => {
        g.nodes[3].op = 'exec'
      },
    ],
    [
      'a value that does not exist',
      g => {
        g.nodes[1].inputs = [9999]
      },
    ],
    [
      'a value read before it is written',
      g => {
        g.nodes[1].inputs = [20]
      },
    ],
    [
      'a value written twice',
      g => {
        g.nodes[2].outputs = [3]
      },
    ],
    [
      'a weight that does not exist',
      g => {
        g.nodes[0].weights = [-1]
      },
    ],
    [
      'another width',
      g => {
        g.values[3].shape = ['num_tokens', 65]
      },
    ],
    [
      'an absurd width',
      g => {
        g.values[3].shape = ['num_tokens', 2 ** 40]
      },
    ],
    [
      'a head_dim of zero',
      g => {
        g.nodes.find((n: { op: string }) => n.op === 'rope').attrs.head_dim = 0
      },
    ],
    [
      'a region that does not exist',
      g => {
        g.nodes.find((n: { op: string }) => n.op === 'store_kv').attrs.region = 2
      },
    ],
    [
      'fewer experts than the router has',
      g => {
        const n = g.nodes.find((m: { op: string }) => m.op === 'moe_experts')
        n.attrs.num_experts = 7
        n.weights = n.weights.slice(0, 21)
      },
    ],
    [
      'more chosen experts than there are',
      g => {
        for (const v of g.values) if (v.name.startsWith('expert_')) v.shape[1] = 9
      },
    ],
    [
      'logits of tokens',
      g => {
        g.logits = 3
      },
    ],
    [
      'no nodes',
      g => {
        g.nodes = []
      },
    ],
  ])('refuses %s', async (_, edit) => {
    await expect(change(edit)()).rejects.toMatchObject({ code: 'invalid_config' })
  })

  it.each(['', '{', 'null', '[]', '{"version":1}', '\u0000'])(
    'refuses the document %j',
    async text => {
      await expect(native().planGraph(text, options)).rejects.toMatchObject({
        code: expect.stringMatching(/^invalid_/),
      })
    },
  )
})

describe('the life of an executor', () => {
  it('disposes twice, and answers `disposed` afterwards', async () => {
    const other = await create()
    await Promise.all([other.dispose(), other.dispose()])
    await expect(other.step(batch())).rejects.toMatchObject({ code: 'disposed' })
  })

  it('finishes the step in progress when it is disposed', async () => {
    const other = await create()
    const step = other.step(batch())
    await other.dispose()
    expect((await step).logits).toHaveLength(config.vocabSize)
  })

  it('stops a load that its caller cancels', async () => {
    await expect(create({ weights: 'bf16' }, Int32Array.of(1))).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  it('refuses weight files that were closed', async () => {
    const closed = await native().openWeights([join(folder, 'model.safetensors')])
    closed.close()
    expect(() =>
      native().createExecutor(json, closed, options, new Int32Array(1), () => {}),
    ).toThrow(expect.objectContaining({ code: 'disposed' }))
  })
})
