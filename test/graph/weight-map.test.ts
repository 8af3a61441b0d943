import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../lib/graph/builder.ts'
import { tensorsByName, WeightMap } from '../../lib/models/weight-map.ts'
import type { TensorInfo } from '../../lib/native.ts'
import { atOnce } from '../../lib/slices.ts'

const tensor = (name: string, ...shape: number[]): TensorInfo => ({
  name,
  dtype: 'f32',
  shape,
  bytes: 4 * shape.reduce((a, b) => a * b, 1),
  file: 0,
})
const embedding = tensor('model.embed_tokens.weight', 10, 4)
const mapOf = (...tensors: TensorInfo[]) =>
  new WeightMap(new GraphBuilder(), atOnce(tensorsByName(tensors)))
const map = (...tensors: TensorInfo[]) => mapOf(embedding, ...tensors)
const invalid = (text: string) =>
  expect.objectContaining({ code: 'invalid_file', message: expect.stringContaining(text) })

describe('WeightMap', () => {
  it('names a tensor that is missing', () => {
    expect(() => map().vector('norm.weight', 4)).toThrow(invalid('model.norm.weight'))
  })

  it('names both shapes where they differ', () => {
    expect(() => map(tensor('model.norm.weight', 5)).vector('norm.weight', 4)).toThrow(
      /\[4\].*\[5\]/,
    )
  })

  it('finds a model below any of the known prefixes', () => {
    for (const prefix of ['', 'model.', 'model.language_model.', 'language_model.model.']) {
      const found = mapOf(tensor(`${prefix}embed_tokens.weight`, 10, 4))
      expect(found.matrix('embed_tokens.weight', 10, 4).tensor).toBe(`${prefix}embed_tokens.weight`)
    }
  })

  it('refuses left-over tensors, but not draft heads and recomputed buffers', () => {
    const used = map(tensor('model.layers.9.mlp.up_proj.weight', 4, 4))
    used.matrix('embed_tokens.weight', 10, 4)
    expect(() => atOnce(used.finish())).toThrow(invalid('model.layers.9.mlp.up_proj.weight'))
    const fine = map(
      tensor('mtp.fc.weight', 4, 8),
      tensor('model.layers.0.self_attn.rotary_emb.inv_freq', 2),
    )
    fine.matrix('embed_tokens.weight', 10, 4)
    expect(atOnce(fine.finish())).toEqual({
      parameters: 40,
      names: ['model.embed_tokens.weight'],
      used: [embedding],
    })
  })

  it('takes a tied head from the embedding, whether or not the file repeats it', () => {
    for (const extra of [[], [tensor('lm_head.weight', 10, 4)]]) {
      const m = map(...extra)
      const e = m.matrix('embed_tokens.weight', 10, 4)
      expect(m.head(10, 4, e, true)).toBe(e)
      expect(atOnce(m.finish()).parameters).toBe(40)
    }
  })

  it('asks for a head where it is not tied', () => {
    const m = map()
    const e = m.matrix('embed_tokens.weight', 10, 4)
    expect(() => m.head(10, 4, e, false)).toThrow(invalid('lm_head.weight'))
  })

  it('tells fused experts from transposed ones by down_proj where gate_up_proj is ambiguous', () => {
    // hidden 8 = 2 · intermediate 4: gate_up is (E, 8, 8) either way
    const dense = map(
      tensor('model.e.gate_up_proj', 3, 8, 8),
      tensor('model.e.down_proj', 3, 8, 4),
    ).experts('e', 3, 8, 4)
    expect(dense.up[2]).toMatchObject({ offset: 2 * 64 + 4 * 8, rowStride: 8, colStride: 1 })
    const turned = map(
      tensor('model.e.gate_up_proj', 3, 8, 8),
      tensor('model.e.down_proj', 3, 4, 8),
    ).experts('e', 3, 8, 4)
    expect(turned.up[2]).toMatchObject({ offset: 2 * 64 + 4, rowStride: 1, colStride: 8 })
    expect(turned.down[1]).toMatchObject({ offset: 32, rowStride: 1, colStride: 8 })
  })

  it('refuses fused experts of another shape', () => {
    const m = map(tensor('model.e.gate_up_proj', 3, 8, 7), tensor('model.e.down_proj', 3, 8, 4))
    expect(() => m.experts('e', 3, 8, 4)).toThrow(invalid('gate_up_proj'))
  })
})
