/**
 * `quantization_config` of config.json: how the matrices of a quantised checkpoint are to be read.
 * @module
 */
import { ConfigReader, isObject, shown } from './config-reader.ts'

/** Which scales belong to the quantised matrices; those without scales are stored as they are. */
export type QuantizationConfig =
  /** int8, symmetric; null: one scale a row, else one for `groupSize` columns of it. */
  | { readonly kind: 'int8'; readonly groupSize: number | null }
  /** FP8 (E4M3) with one scale for a block of so many rows and columns. */
  | { readonly kind: 'fp8'; readonly blockSize: readonly [rows: number, cols: number] }

const keys = ['quantization_config', 'compression_config'] as const
const sizes = { min: 1, max: 2 ** 20 }

/**
 * Null where the checkpoint is not quantised. Reads compressed-tensors `int-quantized` with 8 bits,
 * and FP8 in blocks. Throws `unsupported_model` naming any other method, `invalid_config`.
 */
export function parseQuantization(config: ConfigReader): QuantizationConfig | null {
  const key = keys.find(name => config.has(name))
  if (key === undefined) return null
  const raw = config.get(key)
  if (!isObject(raw)) throw config.refuse(key, 'an object')
  const reader = new ConfigReader(raw, `"${key}" of ${config.where}`)
  const method = reader.stringOrNull('quant_method') ?? 'compressed-tensors'
  if (method === 'compressed-tensors') return parseCompressedTensors(reader)
  if (method === 'fp8') return parseFp8(reader)
  throw unsupported(reader, 'quant_method', `the method ${shown(method)} is not read`)
}

function unsupported(reader: ConfigReader, key: string, sentence: string) {
  return reader.unsupported(
    key,
    `${sentence}. Use an int8 (compressed-tensors int-quantized) or FP8 block version of the ` +
      'model, or the BF16, F16 or F32 one.',
  )
}

function parseFp8(reader: ConfigReader): QuantizationConfig {
  const format = reader.stringOrNull('fmt') ?? 'e4m3'
  if (format !== 'e4m3') throw unsupported(reader, 'fmt', 'only e4m3 is read')
  if (!reader.has('weight_block_size'))
    throw unsupported(reader, 'weight_block_size', 'FP8 is read in blocks only')
  // Scales of activations that a file fixes would change the math; found while running, they do not.
  const scheme = reader.stringOrNull('activation_scheme') ?? 'dynamic'
  if (scheme !== 'dynamic') throw unsupported(reader, 'activation_scheme', 'only dynamic is read')
  const size = reader.ints('weight_block_size', sizes)
  if (size.length !== 2) throw reader.refuse('weight_block_size', 'two integers')
  return { kind: 'fp8', blockSize: [size[0]!, size[1]!] }
}

function parseCompressedTensors(reader: ConfigReader): QuantizationConfig {
  const format = reader.get('format')
  if (format !== 'int-quantized') throw unsupported(reader, 'format', 'only int-quantized is read')
  for (const key of ['kv_cache_scheme', 'transform_config']) {
    const value = reader.get(key)
    const empty = isObject(value) && Object.keys(value).length === 0
    if (reader.has(key) && !empty) throw unsupported(reader, key, 'it is not implemented')
  }
  const sparsity = reader.get('sparsity_config')
  const dense = !isObject(sparsity) || [undefined, 'dense'].includes(sparsity.format as undefined)
  if (!dense) throw unsupported(reader, 'sparsity_config', 'sparse files are not read')
  const groups = reader.get('config_groups')
  const schemes = isObject(groups) ? Object.entries(groups) : []
  if (schemes.length === 0) throw reader.refuse('config_groups', 'an object with a group')
  const parsed = schemes.map(([name, group]) =>
    parseGroup(new ConfigReader(group, `"config_groups.${name}" of ${reader.where}`)),
  )
  const [first] = parsed
  if (parsed.some(groupSize => groupSize !== first))
    throw unsupported(reader, 'config_groups', 'groups of several sizes are not read')
  return { kind: 'int8', groupSize: first ?? null }
}

/** The group size of one scheme, or null. */
function parseGroup(group: ConfigReader): number | null {
  const weights = new ConfigReader(group.get('weights'), `"weights" in ${group.where}`)
  const bits = weights.int('num_bits', { min: 1, max: 32 }, 8)
  if (bits !== 8) throw unsupported(weights, 'num_bits', 'only 8 bits are read')
  const type = weights.stringOrNull('type') ?? 'int'
  if (type !== 'int') throw unsupported(weights, 'type', 'only int is read')
  if (!weights.bool('symmetric', true))
    throw unsupported(weights, 'symmetric', 'zero points are not read')
  if (group.has('input_activations')) checkActivations(group)
  if (group.has('output_activations'))
    throw unsupported(group, 'output_activations', 'they are not implemented')
  const strategy = weights.stringOrNull('strategy') ?? 'channel'
  if (strategy === 'channel') return null
  if (strategy !== 'group')
    throw unsupported(weights, 'strategy', 'only channel and group are read')
  return weights.int('group_size', sizes)
}

/** Activations that are quantised while running stay in float here, which is closer to the model. */
function checkActivations(group: ConfigReader): void {
  const raw = group.get('input_activations')
  const activations = new ConfigReader(raw, `"input_activations" in ${group.where}`)
  if (!activations.bool('dynamic', false))
    throw unsupported(activations, 'dynamic', 'fixed scales of activations are not implemented')
}
