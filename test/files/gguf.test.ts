import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveModel } from '../../lib/files/hub.ts'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { ropeFrequencies } from '../../lib/files/rope.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { makeFolder } from './folder.ts'
import {
  f32Tensor,
  type GgufBytes,
  ggufBytes,
  ggufFile,
  keysWith,
  list,
  tinyKeys,
  tinyTensors,
  value,
} from './gguf-writer.ts'

const open = (changes: Record<string, GgufBytes | null> = {}, tensors = tinyTensors) =>
  openModelFolder(ggufFile(keysWith(changes), tensors))

/** Keys of another architecture with the same numbers. */
const renamed = (architecture: string) =>
  tinyKeys.map(([key, v]) =>
    key === 'general.architecture'
      ? ([key, value('string', architecture)] as const)
      : ([key.replace(/^qwen3\./, `${architecture}.`), v] as const),
  )

describe('a GGUF file as a model folder', () => {
  test('config, weights and stop ids', async () => {
    const path = ggufFile(tinyKeys, tinyTensors)
    const folder = await openModelFolder(path)
    expect(folder.path).toBe(path)
    expect(folder.weightFiles).toEqual([path])
    expect(folder.config).toMatchObject({
      modelType: 'qwen3',
      vocabSize: 6,
      hiddenSize: 4,
      intermediateSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      numKeyValueHeads: 1,
      headDim: 2,
      rmsNormEps: Math.fround(1e-6),
      maxPositionEmbeddings: 64,
      tieWordEmbeddings: true,
      attentionBias: false,
      rope: { theta: 1e6, scaling: null },
      moe: null,
      eosTokenIds: [3],
    })
    expect(folder.generation.eosTokenIds).toEqual([3])
  })

  test('found by name, by content and through links', async () => {
    const folder = makeFolder({ 'model.bin': ggufBytes(tinyKeys, tinyTensors) })
    symlinkSync(join(folder, 'model.bin'), join(folder, 'link.gguf'))
    for (const name of ['model.bin', 'link.gguf']) {
      expect((await openModelFolder(join(folder, name))).config.vocabSize).toBe(6)
      expect(await resolveModel(join(folder, name))).toBe(join(folder, name))
    }
  })

  test('ends of text, turn and message all stop a reply', async () => {
    const { config } = await open({ 'tokenizer.ggml.eot_token_id': value('u32', 4) })
    expect(config.eosTokenIds).toEqual([3, 4])
  })

  test('an output matrix and biases are seen in the tensors', async () => {
    const more = ['output.weight', 'blk.0.attn_q.bias'].map(name => f32Tensor(name, [1]))
    const { config } = await open({}, [...tinyTensors, ...more])
    expect([config.tieWordEmbeddings, config.attentionBias, config.mlpBias]).toEqual([
      false,
      true,
      false,
    ])
  })

  test('head counts as a list of equal numbers', async () => {
    const { config } = await open({ 'qwen3.attention.head_count_kv': list('i32', [2, 2]) })
    expect(config.numKeyValueHeads).toBe(2)
  })

  test('yarn', async () => {
    const { config } = await open({
      'qwen3.rope.scaling.type': value('string', 'yarn'),
      'qwen3.rope.scaling.factor': value('f32', 4),
      'qwen3.rope.scaling.original_context_length': value('u32', 32),
    })
    expect(config.rope.scaling).toMatchObject({
      type: 'yarn',
      factor: 4,
      originalMaxPositionEmbeddings: 32,
      betaFast: 32,
      betaSlow: 1,
    })
  })

  test('qwen3moe: weights of a token sum to one; dense layers are those without a router', async () => {
    const keys = keysWith(
      {
        'qwen3moe.block_count': value('u32', 3),
        'qwen3moe.expert_count': value('u32', 8),
        'qwen3moe.expert_used_count': value('u32', 2),
        'qwen3moe.expert_feed_forward_length': value('u32', 16),
      },
      renamed('qwen3moe'),
    )
    const routers = [0, 2].map(i => f32Tensor(`blk.${i}.ffn_gate_inp.weight`, [8, 4]))
    const { config } = await openModelFolder(ggufFile(keys, [...tinyTensors, ...routers]))
    expect(config.modelType).toBe('qwen3_moe')
    expect(config.moe).toEqual({
      numExperts: 8,
      numExpertsPerTok: 2,
      moeIntermediateSize: 16,
      normTopkProb: true,
      decoderSparseStep: 1,
      mlpOnlyLayers: [1],
    })
  })

  test('llama: rope_freqs divides the frequencies, Q and K rows are interleaved', async () => {
    const keys = keysWith(
      { 'llama.attention.key_length': null, 'llama.attention.value_length': null },
      renamed('llama'),
    )
    const divisors = f32Tensor('rope_freqs.weight', [1], Float32Array.of(4))
    const { config, layout } = await openModelFolder(ggufFile(keys, [...tinyTensors, divisors]))
    expect(config.modelType).toBe('llama')
    expect(config.headDim).toBe(2)
    expect(config.rope.scaling).toEqual({ type: 'divisors', divisors: [4] })
    expect(Array.from(ropeFrequencies(config).invFreq)).toEqual([0.25])
    expect(layout.interleavedHeadDim('model.layers.7.self_attn.q_proj.weight')).toBe(2)
    expect(layout.interleavedHeadDim('model.layers.7.self_attn.k_proj.bias')).toBe(2)
    expect(layout.interleavedHeadDim('model.layers.7.self_attn.v_proj.weight')).toBe(0)
  })

  test('a wrong number of divisors', async () => {
    const three = f32Tensor('rope_freqs.weight', [3])
    const { config } = await open({}, [...tinyTensors, three])
    expect(() => ropeFrequencies(config)).toThrow('Expected 1 divisors')
  })
})

describe('its tokenizer', () => {
  test('tokens, added tokens and unused ones', async () => {
    const { tokenizer } = await open()
    const { vocab } = (tokenizer!.tokenizer as { model: { vocab: Map<string, number> } }).model
    expect(Object.fromEntries(vocab)).toEqual({ a: 0, b: 1, ab: 2, '<|end|>': 3, '<tool>': 4 })
    const built = Tokenizer.fromFiles({ tokenizer: tokenizer!.tokenizer })
    expect(Array.from(built.encode('abba'))).toEqual([2, 1, 0])
    expect(Array.from(built.encode('ab<|end|><tool>', { controlTokens: true }))).toEqual([2, 3, 4])
    expect([built.isSpecial(3), built.isSpecial(4)]).toEqual([true, false])
    expect(tokenizer!.tokenizerConfig).toMatchObject({ eos_token: '<|end|>', bos_token: null })
  })

  test('tokens named like properties of objects', async () => {
    const tokens = ['a', '__proto__', 'constructor', 'toString', 'b', 'ab']
    const { tokenizer } = await open({
      'tokenizer.ggml.tokens': list('string', tokens),
      'tokenizer.ggml.token_type': list('i32', [1, 1, 1, 1, 1, 1]),
    })
    const built = Tokenizer.fromFiles({ tokenizer: tokenizer!.tokenizer })
    expect(tokens.map((_, id) => built.decode([id]))).toEqual(tokens)
  })

  test('begin of text where the file asks for it', async () => {
    const { tokenizer } = await open({
      'tokenizer.ggml.add_bos_token': value('bool', true),
      'tokenizer.ggml.bos_token_id': value('u32', 3),
    })
    const built = Tokenizer.fromFiles({ tokenizer: tokenizer!.tokenizer })
    expect(Array.from(built.encode('a', { addSpecialTokens: true }))).toEqual([3, 0])
  })

  test('its chat template', async () => {
    const { tokenizer } = await open({ 'tokenizer.chat_template': value('string', '{{ x }}') })
    expect(tokenizer!.chatTemplate).toBe('{{ x }}')
    const long = value('string', 'x'.repeat(2 ** 20 + 1))
    await expect(open({ 'tokenizer.chat_template': long })).rejects.toThrow('chat template')
  })

  test('none where the file has none', async () => {
    expect((await open({ 'tokenizer.ggml.model': null })).tokenizer).toBeNull()
  })

  test('words as each family cuts them', async () => {
    const spaced = ['1', '2', '3', '12', '123', 'x']
    const words = async (pre: string) => {
      const { tokenizer } = await open({
        'tokenizer.ggml.pre': value('string', pre),
        'tokenizer.ggml.tokens': list('string', spaced),
        'tokenizer.ggml.token_type': list('i32', [1, 1, 1, 1, 1, 1]),
        'tokenizer.ggml.merges': list('string', ['1 2', '12 3']),
      })
      return Array.from(Tokenizer.fromFiles({ tokenizer: tokenizer!.tokenizer }).encode('1231x'))
    }
    expect(await words('llama-bpe')).toEqual([4, 0, 5])
    expect(await words('qwen2')).toEqual([0, 1, 2, 0, 5])
    expect(await words('smollm')).toEqual([0, 1, 2, 0, 5])
    expect(await words('default')).toEqual([4, 0, 5])
  })
})
