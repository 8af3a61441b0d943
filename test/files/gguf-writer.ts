/** Writes GGUF files, right or wrong, for tests. */
import { join } from 'node:path'
import { makeFolder } from './folder.ts'

/** Type ids of values, as the format numbers them. */
const types = { u8: 0, u16: 2, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 }
type Scalar = Exclude<keyof typeof types, 'array'>

/** A value as its type and bytes. */
export interface GgufBytes {
  type: number
  bytes: Buffer
}

const scalarBytes: Record<Scalar, (x: number | string | boolean) => Buffer> = {
  u8: x => Buffer.of(Number(x)),
  u16: x => Buffer.from(Uint16Array.of(Number(x)).buffer),
  u32: x => Buffer.from(Uint32Array.of(Number(x)).buffer),
  i32: x => Buffer.from(Int32Array.of(Number(x)).buffer),
  f32: x => Buffer.from(Float32Array.of(Number(x)).buffer),
  bool: x => Buffer.of(x ? 1 : 0),
  string: x => text(String(x)),
  u64: x => u64(Number(x)),
}

const u32 = (x: number) => scalarBytes.u32(x)
const u64 = (x: number) => Buffer.from(BigUint64Array.of(BigInt(x)).buffer)

function text(s: string): Buffer {
  const bytes = Buffer.from(s)
  return Buffer.concat([u64(bytes.length), bytes])
}

export const value = (type: Scalar, x: number | string | boolean): GgufBytes => ({
  type: types[type],
  bytes: scalarBytes[type](x),
})

/** Texts one after the other, in one allocation: vocabularies are long. */
function texts(items: readonly string[]): Buffer {
  const bytes = Buffer.alloc(items.reduce((sum, s) => sum + 8 + Buffer.byteLength(s), 0))
  let at = 0
  for (const s of items) {
    const length = bytes.write(s, at + 8)
    bytes.writeBigUInt64LE(BigInt(length), at)
    at += 8 + length
  }
  return bytes
}

export const list = (element: Scalar, items: readonly (number | string)[]): GgufBytes => {
  const elements =
    element === 'string'
      ? texts(items as string[])
      : Buffer.concat(items.map(x => scalarBytes[element](x)))
  return {
    type: types.array,
    bytes: Buffer.concat([u32(types[element]), u64(items.length), elements]),
  }
}

export interface GgufTensor {
  name: string
  /** Outermost first. */
  shape: readonly number[]
  /** ggml's number of the type; 0 = F32, 1 = F16, 8 = Q8_0, 30 = BF16. */
  type: number
  data: Uint8Array
}

export const f32Tensor = (name: string, shape: readonly number[], values?: Float32Array) => {
  const data = values ?? new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5)
  return { name, shape, type: 0, data: new Uint8Array(data.buffer) } satisfies GgufTensor
}

export type GgufKeyList = readonly (readonly [string, GgufBytes])[]

const padded = (n: number) => Math.ceil(n / 32) * 32

/** The bytes of a file; version 3, alignment 32. */
export function ggufBytes(keys: GgufKeyList, tensors: readonly GgufTensor[]): Buffer {
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length)]
  for (const [key, { type, bytes }] of keys) parts.push(text(key), u32(type), bytes)
  let offset = 0
  for (const { name, shape, type, data } of tensors) {
    parts.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(type),
      u64(offset),
    )
    offset += padded(data.length)
  }
  const header = Buffer.concat(parts)
  const out = Buffer.alloc(padded(header.length) + offset)
  header.copy(out)
  offset = padded(header.length)
  for (const { data } of tensors) {
    out.set(data, offset)
    offset += padded(data.length)
  }
  return out
}

/** Writes one file and returns its path. */
export function ggufFile(keys: GgufKeyList, tensors: readonly GgufTensor[]): string {
  return join(makeFolder({ 'model.gguf': ggufBytes(keys, tensors) }), 'model.gguf')
}

/** A vocabulary of single letters and one merge. */
export const tinyTokenizer: GgufKeyList = [
  ['tokenizer.ggml.model', value('string', 'gpt2')],
  ['tokenizer.ggml.pre', value('string', 'qwen2')],
  ['tokenizer.ggml.tokens', list('string', ['a', 'b', 'ab', '<|end|>', '<tool>', '[PAD5]'])],
  ['tokenizer.ggml.token_type', list('i32', [1, 1, 1, 3, 4, 5])],
  ['tokenizer.ggml.merges', list('string', ['a b'])],
  ['tokenizer.ggml.eos_token_id', value('u32', 3)],
]

/** Keys of a dense model of one layer: 4 wide, 2 heads, 6 tokens. */
export const tinyKeys: GgufKeyList = [
  ['general.architecture', value('string', 'qwen3')],
  ['qwen3.block_count', value('u32', 1)],
  ['qwen3.context_length', value('u32', 64)],
  ['qwen3.embedding_length', value('u32', 4)],
  ['qwen3.feed_forward_length', value('u32', 8)],
  ['qwen3.attention.head_count', value('u32', 2)],
  ['qwen3.attention.head_count_kv', value('u32', 1)],
  ['qwen3.attention.key_length', value('u32', 2)],
  ['qwen3.attention.value_length', value('u32', 2)],
  ['qwen3.attention.layer_norm_rms_epsilon', value('f32', 1e-6)],
  ['qwen3.rope.freq_base', value('f32', 1e6)],
  ...tinyTokenizer,
]

export const tinyTensors = [f32Tensor('token_embd.weight', [6, 4])]

/** `tinyKeys` with some of them other; null leaves one out. */
export function keysWith(changes: Record<string, GgufBytes | null>, from = tinyKeys): GgufKeyList {
  const kept = from.filter(([key]) => !Object.hasOwn(changes, key))
  const added = Object.entries(changes).filter(entry => entry[1] !== null)
  return [...kept, ...(added as [string, GgufBytes][])]
}
