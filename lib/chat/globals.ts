/**
 * The functions that every template may call.
 * @module
 */
import { argument, integerArgument, textArgument } from './arguments.ts'
import { templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import { printed } from './printing.ts'
import { Callable, Dict, iterate, Namespace, type Run, type Value } from './values.ts'

const stepsPerMapping = 3
const stepsPerTime = 100

const range: Run = (budget, args) => {
  const single = args.positional.length < 2
  const start = single ? 0 : integerArgument(args, 0, undefined, 0)
  const stop = integerArgument(args, single ? 0 : 1, undefined, 0)
  const step = integerArgument(args, 2, undefined, 1)
  if (step === 0) throw templateError('range() step must not be zero')
  const count = Math.max(0, Math.ceil((stop - start) / step))
  budget.spend(count)
  return Array.from({ length: count }, (_, i) => start + i * step)
}

const namespace: Run = (budget, args) => {
  budget.spend(stepsPerMapping)
  const attributes = new Map<string, Value>()
  const source = argument(args, 0)
  if (source instanceof Dict) {
    budget.spend(source.size)
    for (const [key, value] of source.items()) {
      if (key instanceof Text) attributes.set(key.value, value)
    }
  }
  for (const [name, value] of args.named) attributes.set(name, value)
  return new Namespace(attributes, true)
}

const dict: Run = (budget, args) => {
  budget.spend(stepsPerMapping)
  const result = new Dict()
  const source = argument(args, 0)
  const pairs = source instanceof Dict ? source.items() : iterate(budget, source)
  for (const pair of pairs) {
    budget.spend(stepsPerMapping)
    const [key, value] = iterate(budget, pair)
    if (key instanceof Text) budget.chars(key.length)
    result.set(key, value)
  }
  for (const [name, value] of args.named) result.set(Text.of(name), value)
  return result
}

const raise: Run = (budget, args) => {
  throw templateError(`it refused with "${printed(budget, argument(args, 0)).value.slice(0, 500)}"`)
}

const months =
  'January February March April May June July August September October November December'
const weekdays = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'

/** strftime() for the fields that chat templates use; names in English. */
export function formatTime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const month = months.split(' ')[date.getMonth()]!
  const weekday = weekdays.split(' ')[date.getDay()]!
  const fields = new Map<string, string>([
    ['Y', String(date.getFullYear())],
    ['y', two(date.getFullYear() % 100)],
    ['m', two(date.getMonth() + 1)],
    ['-m', String(date.getMonth() + 1)],
    ['B', month],
    ['b', month.slice(0, 3)],
    ['d', two(date.getDate())],
    ['-d', String(date.getDate())],
    ['A', weekday],
    ['a', weekday.slice(0, 3)],
    ['H', two(date.getHours())],
    ['I', two(date.getHours() % 12 || 12)],
    ['M', two(date.getMinutes())],
    ['S', two(date.getSeconds())],
    ['p', date.getHours() < 12 ? 'AM' : 'PM'],
    ['%', '%'],
  ])
  return format.replace(/%(-?[A-Za-z%])/g, (whole, field: string) => fields.get(field) ?? whole)
}

/** `now` is what strftime_now() reads. */
export function globalFunctions(now: () => Date): Map<string, Value> {
  const strftime: Run = (budget, args) => {
    budget.spend(stepsPerTime)
    return Text.of(formatTime(now(), textArgument(args, 0).value.slice(0, 200)))
  }
  return new Map<string, Value>([
    ['range', new Callable(range)],
    ['namespace', new Callable(namespace)],
    ['dict', new Callable(dict)],
    ['raise_exception', new Callable(raise)],
    ['strftime_now', new Callable(strftime)],
    ['true', true],
    ['True', true],
    ['false', false],
    ['False', false],
    ['none', null],
    ['None', null],
  ])
}
