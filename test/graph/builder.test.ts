import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../lib/graph/builder.ts'
import { printDot, printGraph } from '../../lib/graph/print.ts'

const matrix = (tensor: string, rows: number, cols: number) => ({
  tensor,
  kind: 'matrix' as const,
  rows,
  cols,
  offset: 0,
  rowStride: cols,
  colStride: 1,
})

function record() {
  const g = new GraphBuilder()
  const embedding = g.weight(matrix('embed', 10, 8))
  const x = g.at('embed').embed(g.tokenIds, embedding)
  const rows = g.at('head').gatherRows(x, g.logitRows)
  return { g, embedding, x, rows }
}

describe('GraphBuilder', () => {
  it('infers shapes from weights', () => {
    const { g, embedding, x, rows } = record()
    expect(x.shape).toEqual(['num_tokens', 8])
    expect(rows.shape).toEqual(['num_rows', 8])
    const logits = g.matmul(rows, embedding)
    expect(logits.shape).toEqual(['num_rows', 10])
    const graph = g.finish('test', logits)
    expect(graph.vocabSize).toBe(10)
    expect(graph.nodes.map(n => n.op)).toEqual(['embed', 'gather_rows', 'matmul'])
  })

  it('freezes what it records', () => {
    const { g, rows, embedding } = record()
    const graph = g.finish('test', g.matmul(rows, embedding))
    expect(Object.isFrozen(graph.nodes[0])).toBe(true)
    expect(() => {
      ;(graph.nodes[0] as { op: string }).op = 'add'
    }).toThrow(TypeError)
  })

  it.each([
    [
      'a matmul of another width',
      (r: ReturnType<typeof record>) => r.g.matmul(r.x, r.g.weight(matrix('w', 4, 9))),
    ],
    [
      'a norm that does not divide',
      (r: ReturnType<typeof record>) =>
        r.g.rmsNorm(r.x, r.g.weight({ ...matrix('n', 1, 3), kind: 'vector' }), 1e-6),
    ],
    [
      'terms of different width',
      (r: ReturnType<typeof record>) =>
        r.g.add(r.x, r.g.matmul(r.x, r.g.weight(matrix('w', 4, 8)))),
    ],
    [
      'keys of another width than the region',
      (r: ReturnType<typeof record>) => r.g.storeKv(r.g.kvRegion(1, 4), r.x, r.x),
    ],
    [
      'query heads that do not divide',
      (r: ReturnType<typeof record>) => r.g.attention(r.x, r.g.kvRegion(3, 4), 1),
    ],
    [
      'heads that do not divide',
      (r: ReturnType<typeof record>) => r.g.rope(r.x, r.g.positions, r.g.table('t', [1]), 3, 1),
    ],
  ])('refuses %s, naming the layer', (_, build) => {
    const r = record()
    r.g.at('layers.7.mlp')
    expect(() => build(r)).toThrow(
      expect.objectContaining({
        code: 'invalid_config',
        message: expect.stringContaining('layers.7.mlp'),
      }),
    )
  })

  it('prints one line a node, and dot', () => {
    const { g, rows, embedding } = record()
    const graph = g.finish('test', g.matmul(rows, embedding))
    expect(printGraph(graph)).toBe(
      [
        'test: 3 nodes, 1 weights, 0 cache regions',
        'embed:',
        '  %3 = embed %0 (num_tokens, 8)  embed [10, 8]',
        'head:',
        '  %4 = gather_rows %3, %2 (num_rows, 8)',
        '  %5 = matmul %4 (num_rows, 10)  embed [10, 8]',
        '',
      ].join('\n'),
    )
    expect(printDot(graph)).toMatch(/^digraph model \{.*n0 -> n1.*\}\n$/s)
  })
})
