/**
 * Values as text: Python's str() and repr(), and json.dumps().
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text, TextBuilder } from './marked-text.ts'
import { Dict, Float, isNumeric, Tuple, typeName, type Value } from './values.ts'

/** What printing one item costs beside its characters. */
const stepsPerItem = 3

/** What `{{ value }}` prints. */
export function printed(budget: Budget, value: Value): Text {
  if (value instanceof Text) return value
  if (value === undefined) return Text.empty
  return repr(budget, value)
}

function repr(budget: Budget, value: Value): Text {
  const out = new TextBuilder()
  writeRepr(out, budget, value)
  return out.text()
}

function writeRepr(out: TextBuilder, budget: Budget, value: Value): void {
  budget.enter()
  budget.spend(stepsPerItem)
  budget.fits(out.length)
  if (value instanceof Text) {
    budget.each(value.length)
    for (const part of quoted(value)) out.add(part)
  } else if (Array.isArray(value)) {
    const [open, close] = value instanceof Tuple ? ['(', value.length === 1 ? ',)' : ')'] : '[]'
    writeList(out, [open!, close!], value, item => writeRepr(out, budget, item))
  } else if (value instanceof Dict) {
    writeList(out, ['{', '}'], value.items(), ([key, item]) => {
      writeRepr(out, budget, key)
      out.add(Text.of(': '))
      writeRepr(out, budget, item)
    })
  } else out.add(Text.of(scalar(value)))
  budget.leave()
}

function writeList<T>(
  out: TextBuilder,
  [open, close]: [string, string],
  items: readonly T[],
  write: (item: T) => void,
): void {
  out.add(Text.of(open))
  items.forEach((item, i) => {
    if (i > 0) out.add(Text.of(', '))
    write(item)
  })
  out.add(Text.of(close))
}

function scalar(value: Value): string {
  if (value === undefined) return 'Undefined'
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (isNumeric(value)) return numeral(value)
  throw templateError(`a ${typeName(value)} cannot be printed`)
}

function quoted(text: Text): Text[] {
  const quote = text.value.includes("'") && !text.value.includes('"') ? '"' : "'"
  const escaped = text.map(value =>
    value.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, char => {
      if (char === quote || char === '\\') return `\\${char}`
      return char === "'" || char === '"' ? char : escapedChar(char)
    }),
  )
  return [Text.of(quote), escaped, Text.of(quote)]
}

const shortEscapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

function escapedChar(char: string): string {
  const hex = char.codePointAt(0)!.toString(16)
  const long = hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`
  return shortEscapes.get(char) ?? (hex.length <= 4 ? long : `\\U${hex.padStart(8, '0')}`)
}

/** Python's spelling of a number: 1.0, 1e-07, 1e+16. */
export function numeral(value: number | Float): string {
  const isIntegral = typeof value === 'number' && Number.isInteger(value)
  const number = value instanceof Float ? value.value : value
  if (Number.isNaN(number)) return 'nan'
  if (!Number.isFinite(number)) return number > 0 ? 'inf' : '-inf'
  if (isIntegral) return Number.isSafeInteger(number) ? `${number}` : BigInt(number).toString()
  const size = Math.abs(number)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent = ''] = number.toExponential().split('e')
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
  }
  const plain = String(number)
  return plain.includes('.') ? plain : `${plain}.0`
}

export interface JsonStyle {
  ensureAscii: boolean
  /** Text put before a line once for each level, null for one line. */
  indent: string | null
  itemSeparator: Text
  keySeparator: Text
  sortKeys: boolean
}

/** json.dumps(value); caller text inside stays marked. */
export function toJson(budget: Budget, value: Value, style: JsonStyle): Text {
  const out = new TextBuilder()
  writeJson(out, budget, value, style, 0)
  return out.text()
}

function writeJson(
  out: TextBuilder,
  budget: Budget,
  value: Value,
  style: JsonStyle,
  level: number,
): void {
  budget.enter()
  budget.spend(stepsPerItem)
  budget.fits(out.length)
  if (value instanceof Text) out.add(jsonString(budget, value, style))
  else if (Array.isArray(value)) {
    const items = value.map(item => () => writeJson(out, budget, item, style, level + 1))
    writeItems(out, style, level, ['[', ']'], items)
  } else if (value instanceof Dict) {
    const entries = value.items()
    if (style.sortKeys) entries.sort(([a], [b]) => (keyText(a) < keyText(b) ? -1 : 1))
    const items = entries.map(([key, item]) => () => {
      const name = key instanceof Text ? key : Text.of(keyText(key))
      out.add(jsonString(budget, name, style))
      out.add(style.keySeparator)
      writeJson(out, budget, item, style, level + 1)
    })
    writeItems(out, style, level, ['{', '}'], items)
  } else out.add(Text.of(jsonScalar(value)))
  budget.leave()
}

function writeItems(
  out: TextBuilder,
  style: JsonStyle,
  level: number,
  brackets: [string, string],
  items: (() => void)[],
): void {
  out.add(Text.of(brackets[0]))
  const lineBreak = (depth: number) =>
    style.indent !== null && items.length > 0 ? `\n${style.indent.repeat(depth)}` : ''
  items.forEach((write, i) => {
    if (i > 0) out.add(style.itemSeparator)
    out.add(Text.of(lineBreak(level + 1)))
    write()
  })
  out.add(Text.of(lineBreak(level) + brackets[1]))
}

function jsonString(budget: Budget, text: Text, style: JsonStyle): Text {
  budget.chars(text.length)
  if (style.ensureAscii) budget.each(text.length)
  const body = text.map(value => {
    const json = JSON.stringify(value).slice(1, -1)
    if (!style.ensureAscii) return json
    const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
    return json.replace(/[\x7f-\uffff]/g, escaped)
  })
  return Text.join([Text.of('"'), body, Text.of('"')])
}

function keyText(key: Value): string {
  return key instanceof Text ? key.value : jsonScalar(key)
}

function jsonScalar(value: Value): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (isNumeric(value)) {
    const text = numeral(value)
    return text === 'nan' ? 'NaN' : text.replace('inf', 'Infinity')
  }
  throw templateError(`a ${typeName(value)} cannot be written as JSON`)
}
