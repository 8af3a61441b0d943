import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ConfigReader } from '../../lib/files/config-reader.ts'
import { ropeFrequencies } from '../../lib/files/rope.ts'
import { parseRope, type RopeConfig } from '../../lib/files/rope-config.ts'

interface Case {
  headDim: number
  rope: RopeConfig & { raw?: object; rope_theta: number; max_position_embeddings: number }
  invFreq: number[]
  scale: number
}

const golden = new URL('golden/rope.json', import.meta.url)
const cases = JSON.parse(readFileSync(golden, 'utf8')) as Case[]
const named = cases.map((c, i) => [i, JSON.stringify(c.rope), c] as const)

test.each(named)(
  'frequencies of transformers, case %i: %s',
  (_, __, { headDim, rope, ...want }) => {
    const { raw } = rope
    const parsed: RopeConfig =
      raw === undefined
        ? rope
        : parseRope(
            new ConfigReader({ rope_theta: rope.rope_theta, rope_scaling: raw }, 'test'),
            rope.max_position_embeddings,
          )
    const { invFreq, scale } = ropeFrequencies({ headDim, rope: parsed })
    expect(invFreq.length).toBe(headDim / 2)
    expect(scale).toBeCloseTo(want.scale, 12)
    // The reference's own pow is off by the last bit of f32 here and there.
    const off = want.invFreq.map((f, i) => Math.abs(invFreq[i]! - f) / f)
    expect(Math.max(...off)).toBeLessThanOrEqual(2 ** -22)
    expect(off.filter(x => x > 0).length).toBeLessThanOrEqual(1)
  },
)

test('YaRN golden values: head_dim 128, theta 1e6, factor 4, original length 32768', () => {
  const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32768 }
  const reader = new ConfigReader({ rope_theta: 1e6, rope_scaling: scaling }, 'test')
  const { invFreq, scale } = ropeFrequencies({ headDim: 128, rope: parseRope(reader, 131072) })
  const want = new Map([
    [0, 1],
    [16, 3.16227766e-2],
    [23, 6.97830585e-3],
    [24, 5.37532149e-3],
    [30, 1.06436098e-3],
    [40, 4.44569853e-5],
    [48, 7.90569415e-6],
    [63, 3.1023444e-7],
  ])
  expect(scale).toBeCloseTo(1.138629436, 9)
  for (const [i, f] of want) expect(Math.abs(invFreq[i]! / f - 1)).toBeLessThan(3e-7)
})
