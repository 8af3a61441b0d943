/**
 * Jinja's operators, as Python defines them.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import { printed } from './printing.ts'
import {
  Dict,
  float,
  isEqual,
  isFloat,
  isNumeric,
  numberOf,
  typeName,
  type Value,
} from './values.ts'

export function binary(budget: Budget, operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
      return isEqual(budget, left, right)
    case '!=':
      return !isEqual(budget, left, right)
    case '~':
      return concat(budget, printed(budget, left), printed(budget, right))
    case 'in':
      return contains(budget, right, left)
    case 'not in':
      return !contains(budget, right, left)
    case '<':
      return compare(budget, left, right) < 0
    case '>':
      return compare(budget, left, right) > 0
    case '<=':
      return compare(budget, left, right) <= 0
    case '>=':
      return compare(budget, left, right) >= 0
    default:
      return arithmetic(budget, operator, left, right)
  }
}

function concat(budget: Budget, left: Text, right: Text): Text {
  budget.chars(left.length + right.length)
  return left.concat(right)
}

export function contains(budget: Budget, container: Value, item: Value): boolean {
  if (container === undefined) return false
  if (container instanceof Text && item instanceof Text) {
    budget.search(container.length, item.length)
    return container.value.includes(item.value)
  }
  if (Array.isArray(container)) return container.some(other => isEqual(budget, other, item))
  if (container instanceof Dict) {
    if (item instanceof Text) budget.chars(item.length)
    return container.has(item)
  }
  throw templateError(`a ${typeName(item)} cannot be looked for in a ${typeName(container)}`)
}

/** Negative, zero or positive. Numbers with numbers, texts with texts, lists with lists. */
export function compare(budget: Budget, left: Value, right: Value): number {
  budget.spend(1)
  if (isNumeric(left) && isNumeric(right)) return numberOf(left) - numberOf(right)
  if (left instanceof Text && right instanceof Text) {
    budget.chars(Math.min(left.length, right.length))
    return left.value < right.value ? -1 : left.value > right.value ? 1 : 0
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const order = compare(budget, left[i], right[i])
      if (order !== 0) return order
    }
    return left.length - right.length
  }
  throw templateError(`a ${typeName(left)} and a ${typeName(right)} have no order`)
}

function arithmetic(budget: Budget, operator: string, left: Value, right: Value): Value {
  if (isNumeric(left) && isNumeric(right)) {
    const result = numeric(operator, numberOf(left), numberOf(right))
    const exact = operator !== '/' && !isFloat(left) && !isFloat(right)
    return exact && Number.isInteger(result) ? result : float(result)
  }
  if (operator === '+') {
    if (left instanceof Text && right instanceof Text) return concat(budget, left, right)
    if (Array.isArray(left) && Array.isArray(right)) {
      budget.spend(left.length + right.length)
      return [...left, ...right]
    }
  }
  if (operator === '*') {
    if (isNumeric(left)) return repeated(budget, right, numberOf(left))
    if (isNumeric(right)) return repeated(budget, left, numberOf(right))
  }
  throw templateError(`${operator} does not take a ${typeName(left)} and a ${typeName(right)}`)
}

function numeric(operator: string, a: number, b: number): number {
  if (b === 0 && (operator === '/' || operator === '//' || operator === '%')) {
    throw templateError('division by zero')
  }
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '//':
      return Math.floor(a / b)
    case '%':
      return a - b * Math.floor(a / b)
    case '**':
      return a ** b
    default:
      throw templateError(`the operator ${operator} is not known`)
  }
}

function repeated(budget: Budget, value: Value, times: number): Value {
  const count = Math.max(0, Math.floor(times))
  if (value instanceof Text) {
    budget.chars(value.length * count)
    budget.spend(count)
    return Text.join(new Array<Text>(count).fill(value))
  }
  if (Array.isArray(value)) {
    budget.spend(value.length * count + count)
    return new Array<Value[]>(count).fill(value).flat()
  }
  throw templateError(`* does not take a ${typeName(value)}`)
}

export function unary(operator: string, value: Value): Value {
  if (!isNumeric(value)) throw templateError(`${operator} does not take a ${typeName(value)}`)
  const result = operator === '-' ? -numberOf(value) : numberOf(value)
  return isFloat(value) ? float(result) : result
}
