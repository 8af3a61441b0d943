/**
 * Which tensor scales a quantised matrix, and whether its shape fits.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { QuantizationConfig } from '../files/config.ts'
import type { ScaleRef } from '../graph/node.ts'
import type { TensorInfo } from '../native.ts'

/** True for a matrix whose values mean nothing without scales. */
export function isQuantized({ dtype, shape }: TensorInfo): boolean {
  return shape.length === 2 && (dtype === 'i8' || dtype === 'f8_e4m3')
}

/**
 * The scales of `tensor`; `find` gives the tensor beside it that ends in another suffix.
 * Throws `invalid_file` where there is none or its shape does not fit, `invalid_config` where a
 * group does not divide the row.
 */
export function scalesFor(
  tensor: TensorInfo,
  quantization: QuantizationConfig,
  find: (suffix: string) => TensorInfo | undefined,
): { scales: TensorInfo; ref: ScaleRef } {
  const kind = tensor.dtype === 'i8' ? 'int8' : 'fp8'
  if (kind !== quantization.kind) throw otherKind(tensor, quantization)
  const suffix = kind === 'int8' ? 'weight_scale' : 'weight_scale_inv'
  const scales = find(suffix)
  if (scales === undefined) throw noScales(tensor, suffix)
  const [blockRows, blockCols] = blockOf(tensor, quantization)
  const [rows, cols] = tensor.shape as [number, number]
  const expected = [Math.ceil(rows / blockRows), Math.ceil(cols / blockCols)]
  // Some writers leave the last dimension of one scale a row out.
  const flat = expected[1] === 1 && scales.shape.length === 1 && scales.shape[0] === expected[0]
  const same = scales.shape.length === 2 && expected.every((n, i) => scales.shape[i] === n)
  if (!same && !flat) throw wrongShape(scales, tensor, expected)
  const within = { blockRows: Math.min(blockRows, rows), blockCols: Math.min(blockCols, cols) }
  return { scales, ref: { tensor: scales.name, ...within } }
}

function blockOf(tensor: TensorInfo, quantization: QuantizationConfig): readonly [number, number] {
  if (quantization.kind === 'fp8') return quantization.blockSize
  const cols = tensor.shape[1]!
  const groupSize = quantization.groupSize ?? cols
  if (cols % groupSize === 0) return [1, groupSize]
  throw new ConclaveError(
    'invalid_config',
    `Expected "group_size" in config.json to divide the ${cols} columns of "${tensor.name}", but ` +
      `it is ${groupSize}.`,
    { tensor: tensor.name, groupSize, columns: cols },
  )
}

const otherKind = (tensor: TensorInfo, { kind }: QuantizationConfig) =>
  new ConclaveError(
    'invalid_file',
    `Expected ${kind} matrices as "quantization_config" in config.json says, but "${tensor.name}" ` +
      `is ${tensor.dtype}.`,
    { tensor: tensor.name },
  )

const noScales = (tensor: TensorInfo, suffix: string) =>
  new ConclaveError(
    'invalid_file',
    `Expected "${tensor.name.replace(/weight$/, suffix)}" beside "${tensor.name}", but there is ` +
      'none. The file is not complete.',
    { tensor: tensor.name },
  )

const wrongShape = (scales: TensorInfo, tensor: TensorInfo, expected: readonly number[]) =>
  new ConclaveError(
    'invalid_file',
    `Expected shape [${expected.join(', ')}] for "${scales.name}", which scales ` +
      `"${tensor.name}", but the file holds [${scales.shape.join(', ')}].`,
    { tensor: scales.name, expected, actual: scales.shape },
  )
