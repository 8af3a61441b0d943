/**
 * Runs the body of a template: what it prints goes to an output.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { applyFilter, evaluate, readArguments } from './expressions.ts'
import { Text, TextBuilder } from './marked-text.ts'
import { printed } from './printing.ts'
import { Scope } from './scope.ts'
import type { CallBlock, Expression, For, Node, Parameter, SetNode } from './template-nodes.ts'
import {
  type Arguments,
  Callable,
  Dict,
  isEqual,
  isTrue,
  iterate,
  Namespace,
  type Value,
} from './values.ts'

/** What a round of a loop costs beside its body. */
const stepsPerRound = 4

/** What the scope of a macro costs beside its body. */
const stepsPerMacro = 8

/** How a body ended: a loop takes note of the first two. */
type Ending = 'break' | 'continue' | undefined

/** What the nodes print. */
export function run(budget: Budget, nodes: readonly Node[], scope: Scope): Text {
  const out = new TextBuilder()
  execute(out, budget, nodes, scope)
  return out.text()
}

function execute(out: TextBuilder, budget: Budget, nodes: readonly Node[], scope: Scope): Ending {
  budget.enter()
  let ending: Ending
  for (const node of nodes) {
    ending = executeNode(out, budget, node, scope)
    if (ending !== undefined) break
  }
  budget.leave()
  return ending
}

function executeNode(out: TextBuilder, budget: Budget, node: Node, scope: Scope): Ending {
  switch (node.type) {
    case 'Comment':
      return
    case 'Break':
      return 'break'
    case 'Continue':
      return 'continue'
    case 'If': {
      const branch = isTrue(evaluate(budget, node.test, scope)) ? node.body : node.alternate
      return execute(out, budget, branch, scope)
    }
    case 'For':
      return loop(out, budget, node, scope)
    case 'Set':
      return assignNode(budget, node, scope)
    case 'Macro':
      scope.set(node.name.value, macro(node, scope))
      return
    case 'CallStatement':
      print(out, budget, callBlock(budget, node, scope))
      return
    case 'FilterStatement':
      print(
        out,
        budget,
        applyFilter(budget, run(budget, node.body, new Scope(scope)), node.filter, scope),
      )
      return
    default:
      print(out, budget, evaluate(budget, node, scope))
      return
  }
}

function print(out: TextBuilder, budget: Budget, value: Value): void {
  const text = printed(budget, value)
  budget.chars(text.length)
  budget.fits(out.length + text.length)
  out.add(text)
}

function assignNode(budget: Budget, node: SetNode, scope: Scope): undefined {
  const value =
    node.value === null
      ? run(budget, node.body, new Scope(scope))
      : evaluate(budget, node.value, scope)
  if (node.assignee.type !== 'MemberExpression') {
    assign(budget, node.assignee, value, scope)
    return
  }
  const target = evaluate(budget, node.assignee.object, scope)
  const { property } = node.assignee
  if (!(target instanceof Namespace && target.writable) || property.type !== 'Identifier') {
    throw templateError('only attributes of a namespace can be set')
  }
  target.attributes.set(property.value, value)
}

/** Gives a name, or a tuple of names, its value. */
function assign(budget: Budget, target: Expression, value: Value, scope: Scope): void {
  if (target.type === 'Identifier') scope.set(target.value, value)
  else if (target.type === 'TupleLiteral') {
    const items = iterate(budget, value)
    if (items.length !== target.value.length) {
      throw templateError(`expected ${target.value.length} values to unpack, got ${items.length}`)
    }
    target.value.forEach((inner, i) => {
      assign(budget, inner, items[i], scope)
    })
  } else throw templateError(`a ${target.type} cannot be assigned to`)
}

function loop(out: TextBuilder, budget: Budget, node: For, scope: Scope): undefined {
  const { iterable } = node
  const filtered = iterable.type === 'SelectExpression'
  let items = iterate(budget, evaluate(budget, filtered ? iterable.lhs : iterable, scope))
  if (filtered) {
    items = items.filter(item => {
      const inner = new Scope(scope)
      assign(budget, node.loopvar, item, inner)
      return isTrue(evaluate(budget, iterable.test, inner))
    })
  }
  if (items.length === 0) execute(out, budget, node.defaultBlock, new Scope(scope))
  const memory: Value[] = []
  budget.spend(items.length * stepsPerRound)
  for (let i = 0; i < items.length; i++) {
    const inner = new Scope(scope)
    inner.set('loop', loopState(items, i, memory))
    assign(budget, node.loopvar, items[i], inner)
    if (execute(out, budget, node.body, inner) === 'break') break
  }
}

/** The `loop` of round `i`; `memory` holds what `loop.changed` saw last. */
function loopState(items: readonly Value[], i: number, memory: Value[]): Namespace {
  const cycle = new Callable((_budget, args) => args.positional[i % args.positional.length])
  const changed = new Callable((budget, args) => {
    const same = memory.length > 0 && isEqual(budget, memory[0], args.positional)
    memory[0] = args.positional
    return !same
  })
  const attributes = new Map<string, Value>([
    ['index', i + 1],
    ['index0', i],
    ['revindex', items.length - i],
    ['revindex0', items.length - i - 1],
    ['first', i === 0],
    ['last', i === items.length - 1],
    ['length', items.length],
    ['previtem', items[i - 1]],
    ['nextitem', items[i + 1]],
    ['cycle', cycle],
    ['changed', changed],
  ])
  return new Namespace(attributes, false)
}

/** A callable that binds its parameters in a scope inside the one it was defined in. */
function macro(node: { args: Parameter[]; body: Node[] }, scope: Scope): Callable {
  return new Callable((budget, args) => {
    budget.enterMacro()
    budget.spend(stepsPerMacro)
    const inner = new Scope(scope)
    bind(budget, node.args, args, inner)
    const text = run(budget, node.body, inner)
    budget.leaveMacro()
    return text
  })
}

function bind(
  budget: Budget,
  parameters: readonly Parameter[],
  args: Arguments,
  scope: Scope,
): void {
  const named = new Map(args.named)
  const caller = named.get('caller')
  named.delete('caller')
  scope.set('caller', caller)
  parameters.forEach((parameter, i) => {
    const name = parameter.type === 'Identifier' ? parameter.value : parameter.key.value
    if (i < args.positional.length) scope.set(name, args.positional[i])
    else if (named.has(name)) scope.set(name, named.get(name))
    else if (parameter.type === 'Identifier') scope.set(name, undefined)
    else scope.set(name, evaluate(budget, parameter.value, scope))
    named.delete(name)
  })
  const rest = new Dict()
  for (const [name, value] of named) rest.set(Text.of(name), value)
  scope.set('kwargs', rest)
  scope.set('varargs', args.positional.slice(parameters.length))
}

function callBlock(budget: Budget, node: CallBlock, scope: Scope): Value {
  const callee = evaluate(budget, node.call.callee, scope)
  if (!(callee instanceof Callable)) throw templateError('a call block needs a macro')
  const args = readArguments(budget, node.call.args, scope)
  const caller = macro({ args: node.callerArgs ?? [], body: node.body }, scope)
  args.named.set('caller', caller)
  return callee.run(budget, args)
}
