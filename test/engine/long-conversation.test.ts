import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import { seededInts } from './mixes.ts'
import { addon, needs } from './needs.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-long-'))
const [hidden, numHeads, headDim, experts, expertSize, vocabSize] = [32, 2, 16, 4, 16, 256]
const config = {
  architectures: ['Qwen3MoeForCausalLM'],
  model_type: 'qwen3_moe',
  vocab_size: vocabSize,
  hidden_size: hidden,
  num_hidden_layers: 1,
  num_attention_heads: numHeads,
  num_key_value_heads: 1,
  head_dim: headDim,
  intermediate_size: expertSize,
  moe_intermediate_size: expertSize,
  num_experts: experts,
  num_experts_per_tok: 2,
  norm_topk_prob: true,
  decoder_sparse_step: 1,
  mlp_only_layers: [],
  tie_word_embeddings: true,
  attention_bias: false,
  hidden_act: 'silu',
  max_position_embeddings: 40_960,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  torch_dtype: 'float32',
  eos_token_id: vocabSize - 1,
}

/** A model of random weights in a folder, of one layer and a context of 40,960 tokens. */
function writeModel(): void {
  const int = seededInts(3)
  const layer = 'model.layers.0'
  const shapes: [string, number[]][] = [
    ['model.embed_tokens.weight', [vocabSize, hidden]],
    ['model.norm.weight', [hidden]],
    [`${layer}.input_layernorm.weight`, [hidden]],
    [`${layer}.post_attention_layernorm.weight`, [hidden]],
    [`${layer}.self_attn.q_norm.weight`, [headDim]],
    [`${layer}.self_attn.k_norm.weight`, [headDim]],
    [`${layer}.self_attn.q_proj.weight`, [numHeads * headDim, hidden]],
    [`${layer}.self_attn.k_proj.weight`, [headDim, hidden]],
    [`${layer}.self_attn.v_proj.weight`, [headDim, hidden]],
    [`${layer}.self_attn.o_proj.weight`, [hidden, numHeads * headDim]],
    [`${layer}.mlp.gate.weight`, [experts, hidden]],
  ]
  for (let e = 0; e < experts; e++)
    for (const [kind, shape] of [
      ['gate', [expertSize, hidden]],
      ['up', [expertSize, hidden]],
      ['down', [hidden, expertSize]],
    ] as const)
      shapes.push([`${layer}.mlp.experts.${e}.${kind}_proj.weight`, [...shape]])
  const header: Record<string, object> = {}
  const data: number[] = []
  for (const [name, shape] of shapes) {
    const count = shape.reduce((a, b) => a * b)
    header[name] = {
      dtype: 'F32',
      shape,
      data_offsets: [data.length * 4, (data.length + count) * 4],
    }
    for (let i = 0; i < count; i++) data.push(shape.length === 1 ? 1 : (int(2001) - 1000) / 4000)
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const values = Buffer.from(Float32Array.from(data).buffer)
  writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([length, json, values]))
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
}

describe('a conversation of 40 turns to 32K tokens', () => {
  needs(addon)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('computes in each turn only what is new, within the planned memory', async () => {
    writeModel()
    const context = 32_768
    await using model = await loadModel(folder, { maxContext: context, kvPages: 1 })
    const pageSize = 32
    await using engine = await createEngine(model, { kvPages: context / pageSize + 8 })
    const int = seededInts(5)
    const perTurn = context / 40
    const numAnswer = 24
    let history: number[] = []
    let rss = 0
    for (let turn = 0; turn < 40; turn++) {
      const room = Math.floor((turn + 1) * perTurn) - history.length - numAnswer
      history.push(...Array.from({ length: room }, () => int(vocabSize - 1)))
      const known = turn === 0 ? 0 : history.length - room - 1
      const { promptTokens } = engine.stats()
      const ask = { maxTokens: numAnswer, temperature: 0, ignoreEos: true }
      const { tokenIds, usage } = await engine.generate(history, ask).result()
      expect(usage.promptTokens).toBe(history.length)
      // All full pages of the turns before; the last token of an answer was never run.
      expect(usage.cachedTokens).toBe(Math.floor(known / pageSize) * pageSize)
      expect(engine.stats().promptTokens - promptTokens).toBe(history.length)
      history = [...history, ...tokenIds]
      if (turn === 10) rss = process.memoryUsage.rss()
    }
    expect(history).toHaveLength(context)
    const { pages, preemptions, cachedTokens } = engine.stats()
    expect({ used: pages.used, preemptions }).toEqual({ used: 0, preemptions: 0 })
    expect(cachedTokens).toBeGreaterThan(0.9 * (20 * context - context))
    expect(process.memoryUsage.rss() - rss).toBeLessThan(48 * 2 ** 20)
    // The same last turn without the cache: the same tokens.
    await using cold = await createEngine(model, {
      kvPages: context / pageSize,
      prefixCache: false,
    })
    const last = { maxTokens: numAnswer, temperature: 0, ignoreEos: true }
    const again = await cold.generate(history.slice(0, -numAnswer), last).result()
    expect(again.tokenIds).toEqual(history.slice(-numAnswer))
    expect(again.usage.cachedTokens).toBe(0)
  }, 300_000)
})
