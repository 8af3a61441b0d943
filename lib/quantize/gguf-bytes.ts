/**
 * The bytes of a GGUF header: version 3, little-endian, alignment 32.
 * @module
 */

/** A value of the metadata; a `string` list is written in one piece, vocabularies are long. */
export type GgufValue =
  | { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'i32[]'; readonly value: readonly number[] }
  | { readonly type: 'string[]'; readonly value: readonly string[] }

export type GgufEntry = readonly [key: string, value: GgufValue]

export interface GgufTensorHeader {
  readonly name: string
  /** Outermost first, as everywhere here; the file has them the other way round. */
  readonly shape: readonly number[]
  readonly type: keyof typeof tensorTypes
  readonly bytes: number
}

/** As the format numbers them. */
const tensorTypes = { f32: 0, q8_0: 8, bf16: 30 } as const
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const
const alignment = 32

/** Bytes of zero that follow `bytes` of data. */
export const paddingAfter = (bytes: number): number => (alignment - (bytes % alignment)) % alignment

/** Everything before the first tensor, padding included. */
export function ggufHeader(
  entries: readonly GgufEntry[],
  tensors: readonly GgufTensorHeader[],
): Uint8Array {
  const counts = [u64(tensors.length), u64(entries.length)]
  const parts = [Buffer.from('GGUF'), u32(3), ...counts]
  for (const [key, value] of entries) parts.push(text(key), ...valueBytes(value))
  let offset = 0
  for (const { name, shape, type, bytes } of tensors) {
    const dims = shape.toReversed().map(u64)
    parts.push(text(name), u32(shape.length), ...dims, u32(tensorTypes[type]), u64(offset))
    offset += bytes + paddingAfter(bytes)
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([...parts, Buffer.alloc(paddingAfter(length))])
}

function valueBytes(value: GgufValue): Buffer[] {
  switch (value.type) {
    case 'u32':
      return [u32(valueTypes.u32), u32(value.value)]
    case 'i32':
      return [u32(valueTypes.i32), numbers(Int32Array.of(value.value))]
    case 'f32':
      return [u32(valueTypes.f32), numbers(Float32Array.of(value.value))]
    case 'bool':
      return [u32(valueTypes.bool), Buffer.of(value.value ? 1 : 0)]
    case 'string':
      return [u32(valueTypes.string), text(value.value)]
    case 'i32[]':
      return [...listHead('i32', value.value.length), numbers(Int32Array.from(value.value))]
    case 'string[]':
      return [...listHead('string', value.value.length), texts(value.value)]
  }
}

const listHead = (element: 'i32' | 'string', count: number) => [
  u32(valueTypes.array),
  u32(valueTypes[element]),
  u64(count),
]

const u32 = (x: number) => numbers(Uint32Array.of(x))
const u64 = (x: number) => numbers(BigUint64Array.of(BigInt(x)))

/** The format and every platform that Node runs this on are little-endian. */
function numbers({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

const text = (s: string) => texts([s])

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
