/** Small model folders in temporary places, written by code. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

/** A new folder with these files: bytes and strings as they are, everything else as JSON. */
export function makeFolder(files: Record<string, unknown> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'conclave-files-'))
  made.push(path)
  writeFiles(path, files)
  return path
}

export function writeFiles(path: string, files: Record<string, unknown>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    const raw = typeof content === 'string' || content instanceof Uint8Array
    writeFileSync(join(path, name), raw ? content : JSON.stringify(content))
  }
}

/** A safetensors file with one U8 tensor of four bytes. */
export function tinyWeights(name = 'a'): Buffer {
  const header = JSON.stringify({ [name]: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } })
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header), Buffer.from([1, 2, 3, 4])])
}

/** config.json of a small dense model. */
export const tinyConfig = {
  model_type: 'qwen3',
  vocab_size: 256,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 512,
}

export const tinyMoe = {
  ...tinyConfig,
  model_type: 'qwen3_moe',
  num_experts: 8,
  num_experts_per_tok: 2,
  moe_intermediate_size: 32,
}

/** What `call` throws, as a code and a message. */
export async function thrown(call: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await call()
  } catch (error) {
    return error as { code: string; message: string }
  }
  return { code: 'nothing was thrown', message: '' }
}
