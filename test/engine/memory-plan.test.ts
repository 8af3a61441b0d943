import { describe, expect, it } from 'vitest'
import {
  type PlanInput,
  planMemory,
  refuseTooLarge,
  storedFormat,
  weightBytes,
} from '../../lib/engine/memory-plan.ts'
import { decodeBytesPerToken } from '../../lib/engine/step-cost.ts'
import { GraphBuilder } from '../../lib/graph/builder.ts'

const gib = 2 ** 30

const base: PlanInput = {
  weightBytes: gib,
  workspaceBytes: 0,
  scratchBytes: 0,
  scratchBytesPerPage: 0,
  kvBytesPerPage: 2 ** 20,
  pageSize: 32,
  modelContext: 40_960,
  maxContext: undefined,
  kvPages: undefined,
  availableBytes: 16 * gib,
}

describe('memory plan', () => {
  it('gives the default context, and 8,192 tokens more for others', () => {
    const plan = planMemory(base)
    expect([plan.maxContext, plan.numPages]).toEqual([32_768, 1024 + 256])
    expect(plan.kvBytes).toBe(1280 * 2 ** 20)
    expect(plan.totalBytes).toBe(gib + plan.kvBytes)
  })

  it('gives four sequences of a short context', () => {
    const plan = planMemory({ ...base, modelContext: 1000 })
    expect([plan.maxContext, plan.numPages]).toEqual([1000, 32 + 94])
  })

  it('shortens the context to what memory allows', () => {
    const plan = planMemory({ ...base, availableBytes: 2 * gib })
    expect(plan.maxContext).toBe(plan.numPages * 32)
    expect(plan.totalBytes).toBeLessThanOrEqual(2 * gib)
    expect(plan.totalBytes).toBeGreaterThan(1.7 * gib)
  })

  it('counts what kernels of a card take for each page of a sequence', () => {
    const card = { ...base, scratchBytes: gib / 4, scratchBytesPerPage: 2 ** 18 }
    const roomy = planMemory(card)
    expect([roomy.maxContext, roomy.numPages]).toEqual([32_768, 1280])
    expect(roomy.workspaceBytes).toBe(gib / 4 + 1024 * 2 ** 18)
    for (const availableBytes of [1.5 * gib, 2 * gib, 2.5 * gib, 3 * gib]) {
      const plan = planMemory({ ...card, availableBytes })
      expect(plan.totalBytes).toBeLessThanOrEqual(0.9 * availableBytes)
      // One page more for the longest sequence would be too many.
      const page = card.kvBytesPerPage + card.scratchBytesPerPage
      if (plan.maxContext < 32_768)
        expect(plan.totalBytes + page).toBeGreaterThan(0.9 * availableBytes)
    }
    const tight = planMemory({ ...card, availableBytes: 1.2 * gib })
    expect(() => refuseTooLarge(tight, 1.2 * gib, 'cuda')).toThrowError(/free memory on the GPU/)
  })

  it('takes the caller at their word, and refuses what does not fit', () => {
    const plan = planMemory({ ...base, maxContext: 40_960, availableBytes: 2 * gib })
    expect([plan.maxContext, plan.numPages]).toEqual([40_960, 1280])
    expect(() => refuseTooLarge(plan, 2 * gib)).toThrowError(
      expect.objectContaining({ code: 'insufficient_memory' }),
    )
    expect(() => refuseTooLarge(plan, plan.totalBytes)).not.toThrow()
    expect(planMemory({ ...base, kvPages: 7 })).toMatchObject({ numPages: 7, maxContext: 224 })
  })

  it('refuses a context that the model is not made for', () => {
    expect(() => planMemory({ ...base, maxContext: 40_961 })).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    )
  })

  it('refuses weights that do not fit by themselves', () => {
    const plan = planMemory({ ...base, weightBytes: 20 * gib })
    expect(() => refuseTooLarge(plan, base.availableBytes)).toThrowError(/20\.00 GiB/)
  })
})

describe('sizes of weights', () => {
  const graph = new GraphBuilder()
  const place = { offset: 0, rowStride: 8, colStride: 1 }
  const matrix = (tensor: string, exact = false) =>
    graph.weight({ tensor, kind: 'matrix', rows: 100, cols: 8, exact, ...place })
  const embedding = matrix('embed')
  const router = graph.weight({
    ...place,
    tensor: 'router',
    kind: 'matrix',
    rows: 4,
    cols: 8,
    exact: true,
  })
  const norm = graph.weight({ ...place, tensor: 'norm', kind: 'vector', rows: 1, cols: 8 })
  const experts = Array.from({ length: 12 }, (_, i) =>
    graph.weight({ ...place, tensor: `e${i}`, kind: 'matrix', rows: 8, cols: 8 }),
  )
  const x = graph.rmsNorm(graph.embed(graph.tokenIds, embedding), norm, 1e-6)
  const route = graph.moeRoute(graph.matmul(x, router), 1, true)
  const [gate, up, down] = [experts.slice(0, 4), experts.slice(4, 8), experts.slice(8)]
  const y = graph.moeExperts(x, route, gate, up, down)
  const recorded = graph.finish(
    'test',
    graph.matmul(graph.gatherRows(y, graph.logitRows), embedding),
  )
  const tensors = recorded.weights.map(({ tensor, rows, cols }) => {
    return { name: tensor, dtype: 'bf16', shape: [rows, cols], bytes: rows * cols * 2, file: 0 }
  })

  it('follow the format; norms and routers stay in f32', () => {
    const matrices = 800 + 12 * 64
    const exact = (32 + 8) * 4
    expect(weightBytes(recorded, tensors, 'auto')).toBe(matrices * 2 + exact)
    expect(weightBytes(recorded, tensors, 'bf16')).toBe(matrices * 2 + exact)
    expect(weightBytes(recorded, tensors, 'f32')).toBe(matrices * 4 + exact)
    // Panels of 16 rows and 64 columns: 8 columns fill a block of 68 bytes, and each row has a scale.
    const panelRows = 112 + 12 * 16
    expect(weightBytes(recorded, tensors, 'int8')).toBe(panelRows * (68 + 4) + exact)
    expect(storedFormat(recorded, tensors)).toBe('bf16')
  })

  it('lie on a card in rows, each piece from a multiple of 256 bytes on', () => {
    // Rows of 8 values have a scale each: a matrix is two pieces.
    const embedded = 1024 + 512
    expect(weightBytes(recorded, tensors, 'int8', 'cuda')).toBe(embedded + 12 * 512 + 2 * 256)
    expect(weightBytes(recorded, tensors, 'bf16', 'cuda')).toBe(1792 + 12 * 256 + 2 * 256)
  })

  it('a decode reads the chosen experts, one row of the embedding and the whole head', () => {
    const load = { format: 'bf16' as const, depth: 10, kvBytesPerToken: 3 }
    const dense = 1600 + 32 * 4 + 8 * 4
    const one = decodeBytesPerToken(recorded, tensors, { ...load, batch: 1 })
    expect(one).toBeCloseTo(dense + (12 * 128) / 4 + 16 + 30)
    const two = decodeBytesPerToken(recorded, tensors, { ...load, batch: 2 })
    expect(two).toBeCloseTo((dense + 12 * 128 * (1 - 0.75 ** 2)) / 2 + 16 + 30)
  })
})
