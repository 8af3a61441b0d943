/**
 * The reversible map between bytes and printable characters that byte-level BPE files use.
 * @module
 */

/** Character of each byte: printable Latin-1 stands for itself, the rest for U+0100, U+0101, … */
export const byteChars: readonly string[] = makeByteChars()

const byteOfChar = new Map(byteChars.map((char, byte) => [char, byte]))

function makeByteChars(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : next++),
  )
}

/** Bytes of a token as the file spells it; a token with a foreign character stands for itself. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfChar.get(token[i]!)
    if (byte === undefined) return new TextEncoder().encode(token)
    bytes[i] = byte
  }
  return bytes
}
