import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { graphJson } from '../../lib/graph/json.ts'
import type { Graph } from '../../lib/graph/node.ts'
import { atOnce } from '../../lib/slices.ts'

it.each(['moe-f32', 'moe-norm-false-tied-sharded'])(
  '%s is written as JSON.stringify would',
  name => {
    const text = readFileSync(join(import.meta.dirname, '../faults/graphs', `${name}.json`), 'utf8')
    const graph = JSON.parse(text) as Graph
    const many = { ...graph, weights: Array.from({ length: 1000 }, () => graph.weights).flat() }
    for (const one of [graph, many, { ...graph, regions: [] }])
      expect(atOnce(graphJson(one))).toBe(JSON.stringify(one))
  },
)
