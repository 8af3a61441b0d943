// Reproducible normal numbers as bf16, about a billion a second: xorshift draws index a table of
// 2^16 normals.

const word = new Float32Array(1)
const bits = new Uint32Array(word.buffer)

/** Round to nearest, ties to even. */
export function toBf16(value) {
  word[0] = value
  const u = bits[0]
  return ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) & 0xffff
}

export function fromBf16(half) {
  bits[0] = half << 16
  return word[0]
}

/** A 32-bit state that is never 0, different for every (seed, stream). */
export function streamState(seed, stream) {
  let x = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca77)) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0 || 1
}

function next(s) {
  s ^= s << 13
  s ^= s >>> 17
  return s ^ (s << 5)
}

/** 2^16 normals of mean 0 and deviation 1 (Box–Muller). */
export function normals(seed) {
  const table = new Float64Array(65536)
  let s = streamState(seed, -2)
  for (let i = 0; i < table.length; i += 2) {
    s = next(s)
    const radius = Math.sqrt(-2 * Math.log(((s >>> 0) + 0.5) / 2 ** 32))
    s = next(s)
    const angle = (2 * Math.PI * (s >>> 0)) / 2 ** 32
    table[i] = radius * Math.cos(angle)
    table[i + 1] = radius * Math.sin(angle)
  }
  return table
}

/** Fills `out` with entries of `table` (2^16 bf16 values); returns the state to go on with. */
export function fill(out, table, state) {
  let s = state
  for (let i = 0; i < out.length; i += 2) {
    s = next(s)
    out[i] = table[s & 0xffff]
    out[i + 1] = table[s >>> 16]
  }
  return s
}
