/**
 * Jinja's filters that work on lists.
 * @module
 */
import {
  argument,
  chargeTexts,
  flagArgument,
  integerArgument,
  isGiven,
  optionalText,
  textArgument,
} from './arguments.ts'
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import { binary, compare } from './operators.ts'
import { printed } from './printing.ts'
import { join } from './text-operations.ts'
import { findTest } from './value-tests.ts'
import {
  type Arguments,
  Dict,
  isEqual,
  isNumeric,
  isTrue,
  iterate,
  Namespace,
  numberOf,
  type Value,
} from './values.ts'

const maxPathLength = 200

type Filter = (budget: Budget, value: Value, args: Arguments) => Value

/** The value at a path such as "function.name" or "0"; undefined where it ends early. */
function attributeAt(value: Value, path: Value): Value {
  if (isNumeric(path)) return Array.isArray(value) ? value[numberOf(path)] : undefined
  if (!(path instanceof Text) || path.length > maxPathLength) {
    throw templateError('expected the name of an attribute')
  }
  return path.value.split('.').reduce<Value>((inner, name) => {
    if (inner instanceof Dict) return inner.attribute(name)
    if (inner instanceof Namespace) return inner.attributes.get(name)
    return Array.isArray(inner) && /^\d+$/.test(name) ? inner[Number(name)] : undefined
  }, value)
}

/** Sort key: case is folded unless asked otherwise. */
function foldCase(budget: Budget, value: Value, caseSensitive: boolean): Value {
  if (!(value instanceof Text) || caseSensitive) return value
  budget.chars(value.length)
  return value.map(text => text.toLowerCase())
}

function sorted(budget: Budget, items: Value[], keyOf: (item: Value) => Value, reverse: boolean) {
  budget.spend(items.length)
  const keyed = items.map(item => ({ item, key: keyOf(item) }))
  const sign = reverse ? -1 : 1
  keyed.sort((a, b) => sign * compare(budget, a.key, b.key))
  return keyed.map(({ item }) => item)
}

const sort: Filter = (budget, value, args) => {
  const caseSensitive = flagArgument(args, 1, 'case_sensitive')
  const path = argument(args, 2, 'attribute') ?? null
  const keyOf = (item: Value) =>
    foldCase(budget, path === null ? item : attributeAt(item, path), caseSensitive)
  return sorted(budget, iterate(budget, value), keyOf, flagArgument(args, 0, 'reverse'))
}

const dictsort: Filter = (budget, value, args) => {
  if (!(value instanceof Dict)) throw templateError('dictsort expects a mapping')
  const index = optionalText(args, 1, 'by')?.value === 'value' ? 1 : 0
  const caseSensitive = flagArgument(args, 0, 'case_sensitive')
  const keyOf = (item: Value) => foldCase(budget, (item as Value[])[index], caseSensitive)
  return sorted(budget, value.items(), keyOf, flagArgument(args, 2, 'reverse'))
}

const unique: Filter = (budget, value, args) => {
  const caseSensitive = flagArgument(args, 0, 'case_sensitive')
  const seen: Value[] = []
  return iterate(budget, value).filter(item => {
    const key = foldCase(budget, item, caseSensitive)
    if (seen.some(other => isEqual(budget, other, key))) return false
    seen.push(key)
    return true
  })
}

const joined: Filter = (budget, value, args) => {
  const path = argument(args, 1, 'attribute') ?? null
  const parts = iterate(budget, value).map(item =>
    printed(budget, path === null ? item : attributeAt(item, path)),
  )
  return join(budget, parts, optionalText(args, 0, 'd') ?? Text.empty)
}

const extreme =
  (sign: number): Filter =>
  (budget, value, args) => {
    const path = argument(args, 1, 'attribute') ?? null
    const keyOf = (item: Value) =>
      foldCase(
        budget,
        path === null ? item : attributeAt(item, path),
        flagArgument(args, 0, 'case_sensitive'),
      )
    const items = iterate(budget, value)
    return items.reduce<Value>(
      (best, item, i) =>
        i === 0 || sign * compare(budget, keyOf(item), keyOf(best)) > 0 ? item : best,
      undefined,
    )
  }

const sum: Filter = (budget, value, args) => {
  const path = argument(args, 0, 'attribute') ?? null
  const start = isGiven(args, 1, 'start') ? argument(args, 1, 'start') : 0
  return iterate(budget, value).reduce<Value>(
    (total, item) => binary(budget, '+', total, path === null ? item : attributeAt(item, path)),
    start,
  )
}

/** select, reject and their …attr forms: keeps the items whose test gives `keep`. */
const selecting =
  (keep: boolean, byAttribute: boolean): Filter =>
  (budget, value, args) => {
    const at = byAttribute ? 1 : 0
    const name = isGiven(args, at) ? textArgument(args, at).value : null
    const test = name === null ? null : findTest(name)
    const other = argument(args, at + 1)
    return iterate(budget, value).filter(item => {
      const tested = byAttribute ? attributeAt(item, argument(args, 0)) : item
      chargeTexts(budget, tested, args)
      return (test === null ? isTrue(tested) : test(budget, tested, other)) === keep
    })
  }

const mapping =
  (findFilter: (name: string) => Filter): Filter =>
  (budget, value, args) => {
    const items = iterate(budget, value)
    if (args.named.has('attribute')) {
      const path = argument(args, 0, 'attribute')
      return items.map(item => attributeAt(item, path) ?? args.named.get('default'))
    }
    const filter = findFilter(textArgument(args, 0).value)
    const rest = { positional: args.positional.slice(1), named: args.named }
    return items.map(item => {
      chargeTexts(budget, item, rest)
      return filter(budget, item, rest)
    })
  }

const slices: Filter = (budget, value, args) => {
  const size = Math.max(1, integerArgument(args, 0, 'linecount', 1))
  const items = iterate(budget, value)
  const rows: Value[] = []
  for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size))
  return rows
}

export function listFilters(findFilter: (name: string) => Filter): [string, Filter][] {
  return [
    ['list', (budget, value) => [...iterate(budget, value)]],
    ['first', (budget, value) => iterate(budget, value)[0]],
    ['last', (budget, value) => iterate(budget, value).at(-1)],
    ['sort', sort],
    ['dictsort', dictsort],
    ['unique', unique],
    ['join', joined],
    ['min', extreme(-1)],
    ['max', extreme(1)],
    ['sum', sum],
    ['batch', slices],
    ['select', selecting(true, false)],
    ['reject', selecting(false, false)],
    ['selectattr', selecting(true, true)],
    ['rejectattr', selecting(false, true)],
    ['map', mapping(findFilter)],
  ]
}
