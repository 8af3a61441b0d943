/**
 * The value of an expression, with Python's and Jinja's rules.
 * @module
 */
import { chargeTexts } from './arguments.ts'
import { type Budget, templateError } from './budget.ts'
import { findFilter } from './filters.ts'
import { Text } from './marked-text.ts'
import { dictMethods, listMethods, textMethods } from './methods.ts'
import { binary, unary } from './operators.ts'
import type { Scope } from './scope.ts'
import type { Binary, Call, Expression, Identifier, Member, Slice } from './template-nodes.ts'
import { slice } from './text-operations.ts'
import { findTest } from './value-tests.ts'
import {
  type Arguments,
  Callable,
  characters,
  Dict,
  float,
  isNumeric,
  isTrue,
  iterate,
  Namespace,
  numberOf,
  Tuple,
  typeName,
  type Value,
} from './values.ts'

const noArguments: Arguments = { positional: [], named: new Map() }

export function evaluate(budget: Budget, node: Expression, scope: Scope): Value {
  budget.enter()
  const value = evaluateNode(budget, node, scope)
  budget.leave()
  return value
}

function evaluateNode(budget: Budget, node: Expression, scope: Scope): Value {
  switch (node.type) {
    case 'Identifier':
      return scope.get(budget, node.value)
    case 'StringLiteral':
      return Text.of(node.value)
    case 'IntegerLiteral':
      return node.value
    case 'FloatLiteral':
      return float(node.value)
    case 'ArrayLiteral':
      return node.value.map(item => evaluate(budget, item, scope))
    case 'TupleLiteral':
      return Tuple.from(node.value, item => evaluate(budget, item, scope)) as Tuple
    case 'ObjectLiteral': {
      const dict = new Dict()
      for (const [key, value] of node.value) {
        const name = evaluate(budget, key, scope)
        if (name instanceof Text) budget.chars(name.length)
        dict.set(name, evaluate(budget, value, scope))
      }
      return dict
    }
    case 'MemberExpression':
      return member(budget, node, scope)
    case 'CallExpression':
      return call(budget, node, scope)
    case 'BinaryExpression':
      return operate(budget, node, scope)
    case 'UnaryExpression': {
      const value = evaluate(budget, node.argument, scope)
      return node.operator.value === 'not' ? !isTrue(value) : unary(node.operator.value, value)
    }
    case 'FilterExpression':
      return applyFilter(budget, evaluate(budget, node.operand, scope), node.filter, scope)
    case 'TestExpression': {
      const test = findTest(node.test.value)
      const tested = evaluate(budget, node.operand, scope)
      chargeTexts(budget, tested, noArguments)
      return test(budget, tested, undefined) !== node.negate
    }
    case 'Ternary': {
      const branch = isTrue(evaluate(budget, node.condition, scope))
        ? node.trueExpr
        : node.falseExpr
      return evaluate(budget, branch, scope)
    }
    case 'SelectExpression': {
      const kept = isTrue(evaluate(budget, node.test, scope))
      return kept ? evaluate(budget, node.lhs, scope) : undefined
    }
    default:
      throw templateError(`a ${node.type} has no value`)
  }
}

function operate(budget: Budget, node: Binary, scope: Scope): Value {
  const left = evaluate(budget, node.left, scope)
  const operator = node.operator.value
  if (operator === 'and') return isTrue(left) ? evaluate(budget, node.right, scope) : left
  if (operator === 'or') return isTrue(left) ? left : evaluate(budget, node.right, scope)
  return binary(budget, operator, left, evaluate(budget, node.right, scope))
}

export function applyFilter(
  budget: Budget,
  value: Value,
  filter: Identifier | Call,
  scope: Scope,
): Value {
  if (filter.type === 'Identifier') {
    chargeTexts(budget, value, noArguments)
    return findFilter(filter.value)(budget, value, noArguments)
  }
  if (filter.callee.type !== 'Identifier') throw templateError('expected the name of a filter')
  const run = findFilter(filter.callee.value)
  const args = readArguments(budget, filter.args, scope)
  chargeTexts(budget, value, args)
  return run(budget, value, args)
}

function call(budget: Budget, node: Call, scope: Scope): Value {
  const callee = evaluate(budget, node.callee, scope)
  if (!(callee instanceof Callable)) throw templateError(`a ${typeName(callee)} cannot be called`)
  return callee.run(budget, readArguments(budget, node.args, scope))
}

export function readArguments(budget: Budget, nodes: Expression[], scope: Scope): Arguments {
  const positional: Value[] = []
  const named = new Map<string, Value>()
  for (const node of nodes) {
    if (node.type === 'KeywordArgumentExpression') {
      named.set(node.key.value, evaluate(budget, node.value, scope))
    } else if (node.type === 'SpreadExpression') {
      for (const item of iterate(budget, evaluate(budget, node.argument, scope))) {
        positional.push(item)
      }
    } else if (node.type === 'KeywordSpreadExpression') {
      const value = evaluate(budget, node.argument, scope)
      if (!(value instanceof Dict)) throw templateError('** expects a mapping')
      for (const [key, item] of value.items()) if (key instanceof Text) named.set(key.value, item)
    } else positional.push(evaluate(budget, node, scope))
  }
  return { positional, named }
}

function member(budget: Budget, node: Member, scope: Scope): Value {
  const object = evaluate(budget, node.object, scope)
  const { property } = node
  if (property.type === 'SliceExpression') return sliced(budget, object, property, scope)
  if (object === undefined) throw templateError(`${describe(node.object)} is undefined`)
  if (node.computed) return subscript(budget, object, evaluate(budget, property, scope))
  if (property.type === 'IntegerLiteral') return subscript(budget, object, property.value)
  return attribute(object, (property as Identifier).value)
}

function describe(node: Expression): string {
  if (node.type === 'Identifier') return `"${node.value}"`
  if (node.type === 'MemberExpression' && node.property.type === 'Identifier') {
    return `"${node.property.value}"`
  }
  return 'a value'
}

/** `object.name`: methods before the entries of a mapping, as in Python. */
function attribute(object: Value, name: string): Value {
  if (object instanceof Namespace) return object.attributes.get(name)
  return methodOf(object, name) ?? (object instanceof Dict ? object.attribute(name) : undefined)
}

/** `object[key]`: entries of a mapping before methods. */
function subscript(budget: Budget, object: Value, key: Value): Value {
  if (key instanceof Text) budget.chars(key.length)
  if (object instanceof Dict && object.has(key)) return object.get(key)
  if (isNumeric(key) && (Array.isArray(object) || object instanceof Text)) {
    const at = numberOf(key)
    if (Array.isArray(object)) return object.at(at)
    budget.spend(object.length)
    return characters(object).at(at)
  }
  if (!(key instanceof Text)) return undefined
  if (object instanceof Namespace) return object.attributes.get(key.value)
  return methodOf(object, key.value)
}

function methodOf(object: Value, name: string): Callable | undefined {
  if (object instanceof Text) return bound(textMethods.get(name), object)
  if (object instanceof Dict) return bound(dictMethods.get(name), object)
  return Array.isArray(object) ? bound(listMethods.get(name), object) : undefined
}

function bound<T>(
  method: ((budget: Budget, self: T, args: Arguments) => Value) | undefined,
  self: T,
): Callable | undefined {
  if (method === undefined) return undefined
  return new Callable((budget, args) => {
    chargeTexts(budget, self instanceof Text ? self : null, args)
    return method(budget, self, args)
  })
}

function sliced(budget: Budget, object: Value, node: Slice, scope: Scope): Value {
  if (!(object instanceof Text) && !Array.isArray(object)) {
    throw templateError(`a ${typeName(object)} cannot be sliced`)
  }
  const bound = (part: Expression | undefined): number | null => {
    const value = part === undefined ? null : evaluate(budget, part, scope)
    if (value === null || value === undefined) return null
    if (isNumeric(value) && Number.isInteger(numberOf(value))) return numberOf(value)
    throw templateError('slice bounds must be integers')
  }
  return slice(budget, object, bound(node.start), bound(node.stop), bound(node.step) ?? 1)
}
