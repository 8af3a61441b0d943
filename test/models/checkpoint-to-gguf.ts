/**
 * A Hugging Face checkpoint → the GGUF file that a converter makes of it: names, row order, stacked
 * experts.
 */
import { readFileSync } from 'node:fs'
import type { ModelConfig } from '../../lib/files/config.ts'
import { checkpointName } from '../../lib/files/gguf-names.ts'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { ropeFrequencies } from '../../lib/files/rope.ts'
import {
  f32Tensor,
  type GgufBytes,
  type GgufTensor,
  ggufBytes,
  value,
} from '../files/gguf-writer.ts'

interface Stored {
  dtype: 'F32' | 'F16' | 'BF16'
  shape: number[]
  data: Uint8Array
}

const typeIds = { F32: 0, F16: 1, BF16: 30 }

function readSafetensors(path: string): [string, Stored][] {
  const bytes = readFileSync(path)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, start).toString())
  delete header.__metadata__
  return Object.entries(
    header as Record<string, { dtype: Stored['dtype']; shape: number[]; data_offsets: number[] }>,
  ).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      return [name, { dtype, shape, data: bytes.subarray(start + begin!, start + end!) }]
    },
  )
}

/** Rows i and i + half of each head side by side, as converters write Q and K of Llama. */
function interleave({ dtype, shape, data }: Stored, headDim: number): Stored {
  const rows = shape[0]!
  const rowBytes = data.length / rows
  const out = Buffer.alloc(data.length)
  for (let row = 0; row < rows; row++) {
    const within = row % headDim
    const half = headDim / 2
    const to = row - within + (within % half) * 2 + Math.floor(within / half)
    out.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes)
  }
  return { dtype, shape, data: out }
}

/** The inverse of the library's own names, over names of this model. */
function ggufNames(layers: number): Map<string, string> {
  const parts = ['attn_norm', 'attn_q', 'attn_k', 'attn_v', 'attn_output', 'attn_q_norm']
  parts.push('attn_k_norm', 'ffn_norm', 'ffn_gate', 'ffn_up', 'ffn_down', 'ffn_gate_inp')
  const all = ['token_embd.weight', 'output_norm.weight', 'output.weight']
  for (let i = 0; i < layers; i++) {
    for (const part of parts) all.push(`blk.${i}.${part}.weight`, `blk.${i}.${part}.bias`)
  }
  return new Map(all.map(name => [checkpointName(name), name]))
}

/** The experts of one projection as one tensor (E, rows, cols). */
function stack(stored: Map<string, Stored>, layer: number, projection: string): GgufTensor | null {
  const nameOf = (e: number) => `model.layers.${layer}.mlp.experts.${e}.${projection}_proj.weight`
  const experts: Stored[] = []
  for (let e = 0; stored.has(nameOf(e)); e++) experts.push(stored.get(nameOf(e))!)
  const [first] = experts
  if (first === undefined) return null
  return {
    name: `blk.${layer}.ffn_${projection}_exps.weight`,
    shape: [experts.length, ...first.shape],
    type: typeIds[first.dtype],
    data: Buffer.concat(experts.map(expert => expert.data)),
  }
}

function tensorsOf(stored: Map<string, Stored>, config: ModelConfig): GgufTensor[] {
  const names = ggufNames(config.numHiddenLayers)
  const tensors: GgufTensor[] = []
  for (const [name, tensor] of stored) {
    const ggufName = names.get(name)
    if (ggufName === undefined) continue
    if (name === 'lm_head.weight' && config.tieWordEmbeddings) continue
    const rotated = config.modelType === 'llama' && /\.[qk]_proj\./.test(name)
    const { shape, dtype, data } = rotated ? interleave(tensor, config.headDim) : tensor
    tensors.push({ name: ggufName, shape, type: typeIds[dtype], data })
  }
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    for (const projection of ['gate', 'up', 'down']) {
      const stacked = stack(stored, layer, projection)
      if (stacked !== null) tensors.push(stacked)
    }
  }
  if (config.rope.scaling?.type !== 'llama3') return tensors
  const plain = ropeFrequencies({ ...config, rope: { ...config.rope, scaling: null } }).invFreq
  const divisors = plain.map((f, i) => f / ropeFrequencies(config).invFreq[i]!)
  return [...tensors, f32Tensor('rope_freqs.weight', [divisors.length], divisors)]
}

function keysOf(config: ModelConfig): [string, GgufBytes][] {
  const architecture = config.modelType.replace('_', '')
  const int = (x: number) => value('u32', x)
  const moe = config.moe
  const keys: [string, GgufBytes][] = [
    ['block_count', int(config.numHiddenLayers)],
    ['context_length', int(config.maxPositionEmbeddings)],
    ['embedding_length', int(config.hiddenSize)],
    ['feed_forward_length', int(config.intermediateSize)],
    ['attention.head_count', int(config.numAttentionHeads)],
    ['attention.head_count_kv', int(config.numKeyValueHeads)],
    ['attention.key_length', int(config.headDim)],
    ['attention.value_length', int(config.headDim)],
    ['attention.layer_norm_rms_epsilon', value('f32', config.rmsNormEps)],
    ['rope.freq_base', value('f32', config.rope.theta)],
    ['rope.dimension_count', int(config.headDim)],
  ]
  if (moe !== null) {
    keys.push(
      ['expert_count', int(moe.numExperts)],
      ['expert_used_count', int(moe.numExpertsPerTok)],
      ['expert_feed_forward_length', int(moe.moeIntermediateSize)],
    )
  }
  return [
    ['general.architecture', value('string', architecture)],
    ...keys.map(([key, v]): [string, GgufBytes] => [`${architecture}.${key}`, v]),
  ]
}

async function readCheckpoint(folder: string) {
  const { config, weightFiles } = await openModelFolder(folder)
  const stored = new Map(weightFiles.flatMap(readSafetensors))
  return { keys: keysOf(config), tensors: tensorsOf(stored, config) }
}

/** The bytes of the GGUF file with the same weights. */
export async function checkpointToGguf(folder: string): Promise<Buffer> {
  const { keys, tensors } = await readCheckpoint(folder)
  return ggufBytes(keys, tensors)
}

/** The same, with gate and up of each expert in one tensor, gate first. */
export async function checkpointToMergedGguf(folder: string): Promise<Buffer> {
  const { keys, tensors } = await readCheckpoint(folder)
  const byName = new Map(tensors.map(tensor => [tensor.name, tensor]))
  const merged = tensors.flatMap(tensor => {
    if (tensor.name.endsWith('ffn_up_exps.weight')) return []
    const up = byName.get(tensor.name.replace('ffn_gate_exps', 'ffn_up_exps'))
    if (!tensor.name.endsWith('ffn_gate_exps.weight') || up === undefined) return [tensor]
    const [experts = 0, rows = 0, cols = 0] = tensor.shape
    const size = tensor.data.length / experts
    const data = Array.from({ length: experts }, (_, e) =>
      [tensor, up].map(({ data }) => data.subarray(e * size, (e + 1) * size)),
    )
    const name = tensor.name.replace('ffn_gate_exps', 'ffn_gate_up_exps')
    return [{ ...tensor, name, shape: [experts, 2 * rows, cols], data: Buffer.concat(data.flat()) }]
  })
  return ggufBytes(keys, merged)
}

/** The same, split over `count` files by name. */
export async function checkpointToParts(
  folder: string,
  count: number,
): Promise<Record<string, Buffer>> {
  const { keys, tensors } = await readCheckpoint(folder)
  const five = (n: number) => String(n).padStart(5, '0')
  const share = Math.ceil(tensors.length / count)
  const parts = Array.from({ length: count }, (_, i): [string, Buffer] => {
    const split: [string, GgufBytes][] = [
      ['split.no', value('u16', i)],
      ['split.count', value('u16', count)],
      ['split.tensors.count', value('i32', tensors.length)],
    ]
    const own = tensors.slice(i * share, (i + 1) * share)
    const name = `model-${five(i + 1)}-of-${five(count)}.gguf`
    return [name, ggufBytes(i === 0 ? [...keys, ...split] : split, own)]
  })
  return Object.fromEntries(parts)
}
