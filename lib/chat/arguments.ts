/**
 * Reading what a filter, a method or a function was called with.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import { type Arguments, isNumeric, isTrue, numberOf, typeName, type Value } from './values.ts'

/** Before a filter, a method or a test reads the texts that it was given. */
export function chargeTexts(budget: Budget, value: Value, args: Arguments): void {
  let chars = value instanceof Text ? value.length : 0
  for (const item of args.positional) if (item instanceof Text) chars += item.length
  for (const item of args.named.values()) if (item instanceof Text) chars += item.length
  budget.charge(chars)
}

/** The argument at `index`, or by its name; undefined where it was left out. */
export function argument(args: Arguments, index: number, name?: string): Value {
  if (index < args.positional.length) return args.positional[index]
  return name === undefined ? undefined : args.named.get(name)
}

export function isGiven(args: Arguments, index: number, name?: string): boolean {
  return index < args.positional.length || (name !== undefined && args.named.has(name))
}

export function textArgument(args: Arguments, index: number, name?: string): Text {
  const value = argument(args, index, name)
  if (value instanceof Text) return value
  throw templateError(`expected text as argument ${index + 1}, but got a ${typeName(value)}`)
}

/** Null where the argument was left out or is None. */
export function optionalText(args: Arguments, index: number, name?: string): Text | null {
  const value = argument(args, index, name)
  return value === undefined || value === null ? null : textArgument(args, index, name)
}

export function integerArgument(
  args: Arguments,
  index: number,
  name: string | undefined,
  fallback: number,
): number {
  const value = argument(args, index, name)
  if (value === undefined || value === null) return fallback
  if (isNumeric(value) && Number.isInteger(numberOf(value))) return numberOf(value)
  throw templateError(`expected an integer as argument ${index + 1}, but got a ${typeName(value)}`)
}

export function flagArgument(args: Arguments, index: number, name: string): boolean {
  return isTrue(argument(args, index, name))
}
