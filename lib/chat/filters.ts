/**
 * Jinja's filters: what stands after `|`.
 * @module
 */
import {
  argument,
  flagArgument,
  integerArgument,
  isGiven,
  optionalText,
  textArgument,
} from './arguments.ts'
import { type Budget, templateError } from './budget.ts'
import { listFilters } from './list-filters.ts'
import { Text } from './marked-text.ts'
import { printed, toJson } from './printing.ts'
import {
  capitalize,
  join,
  lengthOf,
  replace,
  splitLines,
  strip,
  titleFilter,
} from './text-operations.ts'
import {
  type Arguments,
  characters,
  Dict,
  Float,
  float,
  isNumeric,
  isTrue,
  numberOf,
  typeName,
  type Value,
} from './values.ts'

export type Filter = (budget: Budget, value: Value, args: Arguments) => Value

const textFilter =
  (change: (budget: Budget, text: Text, args: Arguments) => Text): Filter =>
  (budget, value, args) => {
    const text = printed(budget, value)
    budget.chars(text.length)
    return change(budget, text, args)
  }

const htmlEscapes = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ["'", '&#39;'],
  ['"', '&#34;'],
])

const escapeHtml = textFilter((budget, text) => {
  budget.fits(text.length * 5)
  budget.each(text.length)
  return text.map(value => value.replace(/[&<>'"]/g, char => htmlEscapes.get(char)!))
})

const withDefault: Filter = (_budget, value, args) => {
  const missing = value === undefined || (flagArgument(args, 1, 'boolean') && !isTrue(value))
  if (!missing) return value
  return isGiven(args, 0, 'default_value') ? argument(args, 0, 'default_value') : Text.empty
}

const length: Filter = (budget, value) => {
  if (value === undefined) return 0
  if (Array.isArray(value)) return value.length
  if (value instanceof Dict) return value.size
  if (!(value instanceof Text)) throw templateError(`a ${typeName(value)} has no length`)
  budget.chars(value.length)
  return lengthOf(value)
}

function parsed(value: Value, args: Arguments, integral: boolean): Value {
  const fallback = isGiven(args, 0, 'default')
    ? argument(args, 0, 'default')
    : integral
      ? 0
      : new Float(0)
  if (isNumeric(value)) {
    const number = numberOf(value)
    return integral ? Math.trunc(number) : float(number)
  }
  if (!(value instanceof Text)) return fallback
  const text = value.value.trim().replaceAll('_', '')
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)
  if (!isNumber) return fallback
  return integral ? Math.trunc(Number(text)) : float(Number(text))
}

const round: Filter = (_budget, value, args) => {
  if (!isNumeric(value)) throw templateError(`a ${typeName(value)} cannot be rounded`)
  const method = optionalText(args, 1, 'method')?.value ?? 'common'
  const scale = 10 ** integerArgument(args, 0, 'precision', 0)
  const scaled = numberOf(value) * scale
  if (method === 'ceil') return float(Math.ceil(scaled) / scale)
  if (method === 'floor') return float(Math.floor(scaled) / scale)
  // Python rounds halves to even.
  const down = Math.floor(scaled)
  const isHalf = scaled - down === 0.5
  return float((isHalf ? down + (down % 2 === 0 ? 0 : 1) : Math.round(scaled)) / scale)
}

const indent = textFilter((budget, text, args) => {
  const width = argument(args, 0, 'width')
  const step = width instanceof Text ? width : Text.of(' '.repeat(spaces(args)))
  const lines = splitLines(budget, Text.join([text, Text.of('\n')]), false)
  budget.chars(text.length + lines.length * step.length)
  const [first, blank] = [flagArgument(args, 1, 'first'), flagArgument(args, 2, 'blank')]
  const indented = lines.map((line, i) => {
    const skipped = i === 0 ? !first : !blank && line.length === 0
    return skipped ? line : Text.join([step, line])
  })
  return join(budget, indented, Text.of('\n'))
})

function spaces(args: Arguments): number {
  return Math.min(1000, Math.max(0, integerArgument(args, 0, 'width', 4)))
}

const tojson: Filter = (budget, value, args) => {
  const width = argument(args, 1, 'indent')
  const step = width === undefined || width === null ? null : indentText(width)
  const separators = argument(args, 2, 'separators')
  const [item, key] = Array.isArray(separators) ? separators : []
  return toJson(budget, value, {
    ensureAscii: flagArgument(args, 0, 'ensure_ascii'),
    indent: step,
    itemSeparator: item instanceof Text ? item : Text.of(step === null ? ', ' : ','),
    keySeparator: key instanceof Text ? key : Text.of(': '),
    sortKeys: flagArgument(args, 3, 'sort_keys'),
  })
}

function indentText(width: Value): string {
  if (width instanceof Text) return width.value.slice(0, 1000)
  if (isNumeric(width)) return ' '.repeat(Math.min(1000, Math.max(0, numberOf(width))))
  throw templateError(`expected an indent, but got a ${typeName(width)}`)
}

const scalarFilters = new Map<string, Filter>([
  ['safe', (_budget, value) => value],
  ['string', (budget, value) => printed(budget, value)],
  ['upper', textFilter((_b, text) => text.map(value => value.toUpperCase()))],
  ['lower', textFilter((_b, text) => text.map(value => value.toLowerCase()))],
  ['title', textFilter((budget, text) => titleFilter(budget, text))],
  ['capitalize', textFilter((_b, text) => capitalize(text))],
  [
    'trim',
    textFilter((budget, text, args) =>
      strip(budget, text, optionalText(args, 0, 'chars'), true, true),
    ),
  ],
  [
    'replace',
    textFilter((budget, text, args) =>
      replace(
        budget,
        text,
        textArgument(args, 0, 'old'),
        textArgument(args, 1, 'new'),
        integerArgument(args, 2, 'count', -1),
      ),
    ),
  ],
  ['indent', indent],
  ['escape', escapeHtml],
  ['e', escapeHtml],
  ['default', withDefault],
  ['d', withDefault],
  ['length', length],
  ['count', length],
  ['int', (_budget, value, args) => parsed(value, args, true)],
  ['float', (_budget, value, args) => parsed(value, args, false)],
  ['round', round],
  [
    'abs',
    (_budget, value) => {
      if (!isNumeric(value)) throw templateError(`a ${typeName(value)} has no absolute value`)
      return value instanceof Float ? new Float(Math.abs(value.value)) : Math.abs(numberOf(value))
    },
  ],
  ['tojson', tojson],
  [
    'items',
    (budget, value) => {
      if (value === undefined) return []
      if (!(value instanceof Dict)) throw templateError(`a ${typeName(value)} has no items`)
      budget.spend(value.size)
      return value.items()
    },
  ],
  [
    'reverse',
    (budget, value) => {
      if (value instanceof Text) {
        budget.each(value.length)
        return Text.join(characters(value).reverse())
      }
      if (!Array.isArray(value)) throw templateError(`a ${typeName(value)} cannot be reversed`)
      budget.spend(value.length)
      return [...value].reverse()
    },
  ],
])

/** Every filter by name; those that take a filter's name themselves find it here. */
export const filters: ReadonlyMap<string, Filter> = new Map([
  ...scalarFilters,
  ...listFilters(findFilter),
])

export function findFilter(name: string): Filter {
  const filter = filters.get(name)
  if (filter === undefined) throw templateError(`there is no filter "${name.slice(0, 60)}"`)
  return filter
}
