// The two files that a bench checkpoint is written to, tensor by tensor.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { fromBf16 } from './gaussian.mjs'
import { layOut } from './gguf.mjs'

const size = shape => shape.reduce((a, b) => a * b, 1)
const bytesOf = array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

export class SafetensorsFile {
  #fd

  constructor(path, tensors) {
    this.#fd = openSync(path, 'w')
    let end = 0
    const entries = tensors.map(({ name, shape }) => {
      const begin = end
      end += 2 * size(shape)
      return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }]
    })
    const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
    const header = Buffer.alloc(8 + Math.ceil(json.length / 64) * 64, ' ')
    header.writeBigUInt64LE(BigInt(header.length - 8))
    json.copy(header, 8)
    writeSync(this.#fd, header)
  }

  append(piece) {
    writeSync(this.#fd, bytesOf(piece))
  }

  close() {
    fsyncSync(this.#fd)
    closeSync(this.#fd)
  }
}

/** bf16, except vectors and routers, which llama.cpp keeps in f32. */
export class GgufFile {
  #fd
  #next

  constructor(path, shape, tensors) {
    const table = new Map()
    for (const { gguf, shape, f32, parts } of tensors)
      table.set(gguf, {
        name: gguf,
        type: f32 ? 'F32' : 'BF16',
        shape: parts ? [parts, ...shape] : shape,
      })
    const { head, offsets } = layOut(metadataOf(shape), [...table.values()])
    this.#next = offsets
    this.#fd = openSync(path, 'w')
    writeSync(this.#fd, head)
  }

  append({ gguf, f32 }, piece) {
    const bytes = bytesOf(f32 ? Float32Array.from(piece, fromBf16) : piece)
    const at = this.#next.get(gguf)
    writeSync(this.#fd, bytes, 0, bytes.length, at)
    this.#next.set(gguf, at + bytes.length)
  }

  close() {
    fsyncSync(this.#fd)
    closeSync(this.#fd)
  }
}

function metadataOf(s) {
  const numbers = {
    context_length: 40960,
    embedding_length: s.hidden,
    block_count: s.layers,
    feed_forward_length: s.expertSize * 4,
    'attention.head_count': s.numHeads,
    'attention.head_count_kv': s.numKvHeads,
    'attention.key_length': s.headDim,
    'attention.value_length': s.headDim,
    expert_count: s.experts,
    expert_used_count: s.numExpertsPerTok,
    expert_feed_forward_length: s.expertSize,
    vocab_size: s.vocabSize,
  }
  const tokens = Array.from({ length: s.vocabSize }, (_, i) => ['t', '0', 't0'][i] ?? `t${i}`)
  return [
    ['general.architecture', 'string', 'qwen3moe'],
    ['general.file_type', 'u32', 32],
    ...Object.entries(numbers).map(([key, value]) => [`qwen3moe.${key}`, 'u32', value]),
    ['qwen3moe.rope.freq_base', 'f32', 1e6],
    ['qwen3moe.attention.layer_norm_rms_epsilon', 'f32', 1e-6],
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'qwen2'],
    ['tokenizer.ggml.tokens', 'array:string', tokens],
    ['tokenizer.ggml.token_type', 'array:i32', tokens.map(() => 1)],
    ['tokenizer.ggml.merges', 'array:string', ['t 0']],
    ['tokenizer.ggml.bos_token_id', 'u32', s.vocabSize - 1],
    ['tokenizer.ggml.eos_token_id', 'u32', s.vocabSize - 1],
  ]
}
