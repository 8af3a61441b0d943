// A small GGUF v3 writer: header, metadata and tensor table; the data is written by the caller at
// the offsets given.

const types = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 }
export const ggmlTypes = { F32: 0, BF16: 30 }
const alignment = 32

class Bytes {
  #parts = []

  u32(v) {
    const b = Buffer.alloc(4)
    b.writeUInt32LE(v)
    this.#parts.push(b)
  }

  u64(v) {
    const b = Buffer.alloc(8)
    b.writeBigUInt64LE(BigInt(v))
    this.#parts.push(b)
  }

  f32(v) {
    const b = Buffer.alloc(4)
    b.writeFloatLE(v)
    this.#parts.push(b)
  }

  string(v) {
    const b = Buffer.from(v)
    this.u64(b.length)
    this.#parts.push(b)
  }

  value(type, v) {
    if (type === 'string') this.string(v)
    else if (type === 'f32') this.f32(v)
    else this.u32(v)
  }

  end() {
    return Buffer.concat(this.#parts)
  }
}

/**
 * metadata: [key, type, value] with type 'u32' | 'i32' | 'f32' | 'string' or 'array:' + one of
 * them.
 * tensors: { name, type: 'F32' | 'BF16', shape } with the rows first, as in safetensors.
 * Returns the head of the file and, by name, where the data of each tensor begins; `totalBytes`
 * is the file's size.
 */
export function layOut(metadata, tensors) {
  const out = new Bytes()
  out.u32(0x46554747)
  out.u32(3)
  out.u64(tensors.length)
  out.u64(metadata.length)
  for (const [key, type, value] of metadata) {
    out.string(key)
    const [kind, of] = type.split(':')
    out.u32(types[kind])
    if (kind !== 'array') out.value(kind, value)
    else {
      out.u32(types[of])
      out.u64(value.length)
      for (const v of value) out.value(of, v)
    }
  }
  const relative = new Map()
  let offset = 0
  for (const { name, type, shape } of tensors) {
    out.string(name)
    out.u32(shape.length)
    for (const dim of shape.toReversed()) out.u64(dim)
    out.u32(ggmlTypes[type])
    out.u64(offset)
    relative.set(name, offset)
    const bytes = shape.reduce((a, b) => a * b) * (type === 'F32' ? 4 : 2)
    offset += Math.ceil(bytes / alignment) * alignment
  }
  const head = out.end()
  const start = Math.ceil(head.length / alignment) * alignment
  const offsets = new Map([...relative].map(([name, at]) => [name, start + at]))
  return { head, offsets, totalBytes: start + offset }
}
