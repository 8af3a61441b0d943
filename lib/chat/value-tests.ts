/**
 * Jinja's tests: what stands after `is`, and what select and reject name.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import { compare, contains } from './operators.ts'
import {
  Callable,
  Dict,
  isEqual,
  isFloat,
  isNumeric,
  numberOf,
  typeName,
  type Value,
} from './values.ts'

export type ValueTest = (budget: Budget, value: Value, other: Value) => boolean

const parity =
  (rest: number): ValueTest =>
  (_budget, value) => {
    if (!isNumeric(value)) throw templateError(`a ${typeName(value)} is neither odd nor even`)
    return Math.abs(numberOf(value) % 2) === rest
  }

const isSequence = (value: Value) =>
  value instanceof Text || Array.isArray(value) || value instanceof Dict || value === undefined

const equal: ValueTest = (budget, a, b) => isEqual(budget, a, b)
const isText = (value: Value): value is Text => value instanceof Text

export const valueTests: ReadonlyMap<string, ValueTest> = new Map<string, ValueTest>([
  ['defined', (_b, value) => value !== undefined],
  ['undefined', (_b, value) => value === undefined],
  ['none', (_b, value) => value === null],
  ['boolean', (_b, value) => typeof value === 'boolean'],
  ['true', (_b, value) => value === true],
  ['false', (_b, value) => value === false],
  ['string', (_b, value) => isText(value)],
  ['number', (_b, value) => isNumeric(value)],
  ['integer', (_b, value) => isNumeric(value) && typeof value !== 'boolean' && !isFloat(value)],
  ['float', (_b, value) => isFloat(value)],
  ['mapping', (_b, value) => value instanceof Dict],
  ['sequence', (_b, value) => isSequence(value)],
  ['iterable', (_b, value) => isSequence(value)],
  ['callable', (_b, value) => value instanceof Callable],
  ['odd', parity(1)],
  ['even', parity(0)],
  [
    'lower',
    (_b, value) =>
      isText(value) && /\p{L}/u.test(value.value) && value.value === value.value.toLowerCase(),
  ],
  [
    'upper',
    (_b, value) =>
      isText(value) && /\p{L}/u.test(value.value) && value.value === value.value.toUpperCase(),
  ],
  ['eq', equal],
  ['equalto', equal],
  ['==', equal],
  ['sameas', equal],
  ['ne', (budget, a, b) => !isEqual(budget, a, b)],
  ['!=', (budget, a, b) => !isEqual(budget, a, b)],
  ['lt', (budget, a, b) => compare(budget, a, b) < 0],
  ['lessthan', (budget, a, b) => compare(budget, a, b) < 0],
  ['le', (budget, a, b) => compare(budget, a, b) <= 0],
  ['gt', (budget, a, b) => compare(budget, a, b) > 0],
  ['greaterthan', (budget, a, b) => compare(budget, a, b) > 0],
  ['ge', (budget, a, b) => compare(budget, a, b) >= 0],
  ['in', (budget, a, b) => contains(budget, b, a)],
])

export function findTest(name: string): ValueTest {
  const test = valueTests.get(name)
  if (test === undefined) throw templateError(`there is no test "${name.slice(0, 60)}"`)
  return test
}
