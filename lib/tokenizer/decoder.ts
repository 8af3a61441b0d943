/**
 * Token → bytes. Every decoder that Conclave reads is a concatenation of each token's own bytes,
 * save for one leading space that SentencePiece-style files drop.
 * @module
 */
import { bytesOfToken } from './byte-level.ts'
import { invalidFile, isObject, type JsonObject, unsupportedPart } from './tokenizer-file.ts'

export interface Decoder {
  bytes(token: string): Uint8Array
  /** The decoded text loses one leading space. */
  stripsLeadingSpace: boolean
}

const encoder = new TextEncoder()

export function readDecoder(config: unknown): Decoder {
  if (!isObject(config)) throw unsupportedPart('decoder', config)
  if (config.type === 'ByteLevel') return { bytes: bytesOfToken, stripsLeadingSpace: false }
  const steps = config.type === 'Sequence' ? config.decoders : [config]
  if (!Array.isArray(steps)) throw invalidFile('expected a list "decoder.decoders"')
  return chain(steps)
}

type TextStep = (text: string) => string

function chain(steps: unknown[]): Decoder {
  const textSteps: TextStep[] = []
  let byteFallback = false
  let stripsLeadingSpace = false
  for (const step of steps) {
    if (!isObject(step)) throw invalidFile('expected each decoder to be an object')
    if (step.type === 'Replace') textSteps.push(replaceStep(step))
    else if (step.type === 'ByteFallback') byteFallback = true
    else if (step.type === 'Metaspace') {
      const mark = typeof step.replacement === 'string' ? step.replacement : '▁'
      textSteps.push(text => text.replaceAll(mark, ' '))
      stripsLeadingSpace ||= step.prepend_scheme !== 'never'
    } else if (step.type === 'Strip' && step.content === ' ' && step.stop === 0) {
      if (step.start !== 0 && step.start !== 1) throw unsupportedPart('decoder.start', step.start)
      stripsLeadingSpace ||= step.start === 1
    } else if (step.type === 'ByteLevel' && steps.length === 1) {
      return { bytes: bytesOfToken, stripsLeadingSpace: false }
    } else if (step.type !== 'Fuse') throw unsupportedPart('decoder', step)
  }
  const bytes = (token: string): Uint8Array => {
    const raw = byteFallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token) : null
    if (raw !== null) return Uint8Array.of(Number.parseInt(raw[1]!, 16))
    return encoder.encode(textSteps.reduce((text, apply) => apply(text), token))
  }
  return { bytes, stripsLeadingSpace }
}

function replaceStep(step: JsonObject): TextStep {
  const pattern = step.pattern
  if (!isObject(pattern) || typeof pattern.String !== 'string' || pattern.String === '') {
    throw unsupportedPart('decoder.pattern', pattern)
  }
  const from = pattern.String
  const to = String(step.content ?? '')
  return text => text.replaceAll(from, () => to)
}
