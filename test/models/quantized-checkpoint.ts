/**
 * A golden checkpoint → the same one quantised as others write it, and what its numbers stand for
 * as plain f32.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../files/folder.ts'

export interface StoredTensor {
  dtype: 'F32' | 'F16' | 'BF16' | 'I8' | 'F8_E4M3'
  shape: number[]
  data: Uint8Array
}

export type Tensors = Map<string, StoredTensor>

export function readTensors(folder: string): Tensors {
  const tensors: Tensors = new Map()
  for (const name of readdirSync(folder).filter(n => n.endsWith('.safetensors'))) {
    const bytes = readFileSync(join(folder, name))
    const start = 8 + Number(bytes.readBigUInt64LE(0))
    const header = JSON.parse(bytes.subarray(8, start).toString())
    for (const [key, entry] of Object.entries<Record<string, never>>(header)) {
      if (key === '__metadata__') continue
      const { dtype, shape, data_offsets: offsets } = entry as Record<string, number[]>
      const data = new Uint8Array(bytes.subarray(start + offsets![0]!, start + offsets![1]!))
      tensors.set(key, { dtype: dtype as never, shape: shape!, data })
    }
  }
  return tensors
}

export function safetensors(tensors: Tensors): Buffer {
  let at = 0
  const header: Record<string, object> = {}
  for (const [name, { dtype, shape, data }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] }
    at += data.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...[...tensors.values()].map(t => t.data)])
}

export function f32Stored(shape: number[], values: Float32Array): StoredTensor {
  return { dtype: 'F32', shape, data: new Uint8Array(values.buffer) }
}

export function floatsOf({ dtype, data }: StoredTensor): Float32Array {
  if (dtype === 'F32') return new Float32Array(data.slice().buffer)
  const halves = new Uint16Array(data.slice().buffer)
  return new Float32Array(Uint32Array.from(halves, h => h << 16).buffer)
}

export const e4m3 = Float32Array.from({ length: 256 }, (_, code) => {
  const [exponent, mantissa] = [(code >> 3) & 15, code & 7]
  if ((code & 127) === 127) return Number.NaN
  const size = exponent === 0 ? (mantissa / 8) * 2 ** -6 : (1 + mantissa / 8) * 2 ** (exponent - 7)
  return code < 128 ? size : -size
})

function nearestE4m3(x: number): number {
  let best = 0
  for (let code = 0; code < 256; code++)
    if (Math.abs(e4m3[code]! - x) < Math.abs(e4m3[best]! - x)) best = code
  return best
}

export interface Scheme {
  kind: 'I8' | 'F8_E4M3'
  blockRows: number
  /** 0: the whole row. */
  blockCols: number
}

/** Values, scales, and their product, of one matrix. */
function quantise(tensor: StoredTensor, { kind, blockRows, blockCols: asked }: Scheme) {
  const [rows, cols] = tensor.shape as [number, number]
  const blockCols = asked || cols
  const across = Math.ceil(cols / blockCols)
  const scales = new Float32Array(Math.ceil(rows / blockRows) * across)
  const x = floatsOf(tensor)
  const scaleAt = (i: number) =>
    Math.floor(Math.floor(i / cols) / blockRows) * across + Math.floor((i % cols) / blockCols)
  const most = kind === 'I8' ? 127 : 448
  x.forEach((value, i) => {
    const at = scaleAt(i)
    scales[at] = Math.max(scales[at]!, Math.abs(value) / most)
  })
  const data = new Uint8Array(x.length)
  const widened = x.map((value, i) => {
    const scale = scales[scaleAt(i)]!
    const code = kind === 'I8' ? Math.round(value / scale) : nearestE4m3(value / scale)
    data[i] = code
    return (kind === 'I8' ? code : e4m3[code]!) * scale
  })
  const scaleShape = [Math.ceil(rows / blockRows), across]
  return {
    stored: { dtype: kind, shape: tensor.shape, data },
    scales: f32Stored(scaleShape, scales),
    widened: f32Stored(tensor.shape, widened),
  }
}

export const isLinear = (name: string) => /_proj\.weight$/.test(name)

export function quantizationConfig({ kind, blockRows, blockCols }: Scheme): object {
  if (kind === 'F8_E4M3')
    return { quant_method: 'fp8', fmt: 'e4m3', weight_block_size: [blockRows, blockCols] }
  const strategy = blockCols ? 'group' : 'channel'
  const weights = { num_bits: 8, type: 'int', symmetric: true, strategy }
  const group = { targets: ['Linear'], weights: { ...weights, group_size: blockCols || null } }
  const input_activations = { num_bits: 8, type: 'int', dynamic: true, strategy: 'token' }
  return {
    quant_method: 'compressed-tensors',
    format: 'int-quantized',
    config_groups: { group_0: { ...group, input_activations } },
    ignore: ['lm_head'],
  }
}

/** Folders with the quantised checkpoint and with what it stands for. */
export function quantised(source: string, scheme: Scheme, change?: (tensors: Tensors) => void) {
  const tensors: Tensors = new Map()
  const plain: Tensors = new Map()
  const suffix = scheme.kind === 'I8' ? 'weight_scale' : 'weight_scale_inv'
  for (const [name, tensor] of readTensors(source)) {
    if (!isLinear(name)) {
      tensors.set(name, tensor)
      plain.set(name, tensor)
      continue
    }
    const { stored, scales, widened } = quantise(tensor, scheme)
    tensors.set(name, stored)
    tensors.set(name.replace(/weight$/, suffix), scales)
    plain.set(name, widened)
  }
  change?.(tensors)
  const config = JSON.parse(readFileSync(join(source, 'config.json'), 'utf8'))
  const quantization_config = quantizationConfig(scheme)
  return {
    folder: makeFolder({
      'config.json': { ...config, quantization_config },
      'model.safetensors': safetensors(tensors),
    }),
    widened: makeFolder({ 'config.json': config, 'model.safetensors': safetensors(plain) }),
  }
}
