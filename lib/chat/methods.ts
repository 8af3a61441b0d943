/**
 * What stands after a dot: methods of texts, mappings and lists. Those that would change a value
 * are left out, as in the sandbox that transformers renders in.
 * @module
 */
import { argument, flagArgument, integerArgument, optionalText, textArgument } from './arguments.ts'
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'
import {
  capitalize,
  isSpace,
  join,
  lengthOf,
  replace,
  split,
  splitLines,
  splitRight,
  strip,
  title,
} from './text-operations.ts'
import { type Arguments, type Dict, isEqual, iterate, typeName, type Value } from './values.ts'

type Method<T> = (budget: Budget, self: T, args: Arguments) => Value

const affix =
  (test: (self: string, part: string) => boolean): Method<Text> =>
  (budget, self, args) => {
    const given = argument(args, 0)
    const parts = Array.isArray(given) ? given : [textArgument(args, 0)]
    return parts.some(part => {
      budget.charge(part instanceof Text ? Math.min(part.length, self.length) : 0)
      return part instanceof Text && test(self.value, part.value)
    })
  }

const find =
  (search: (self: string, part: string) => number, missing: () => Value): Method<Text> =>
  (budget, self, args) => {
    const part = textArgument(args, 0)
    budget.search(self.length, part.length)
    const at = search(self.value, part.value)
    return at < 0 ? missing() : lengthOf(self.slice(0, at))
  }

const every =
  (pattern: RegExp): Method<Text> =>
  (budget, self) => {
    budget.chars(self.length)
    return pattern.test(self.value)
  }

const changed =
  (change: (self: Text) => Text): Method<Text> =>
  (budget, self) => {
    budget.chars(self.length)
    return change(self)
  }

const notFound = () => {
  throw templateError('substring not found')
}

export const textMethods: ReadonlyMap<string, Method<Text>> = new Map<string, Method<Text>>([
  ['upper', changed(self => self.map(value => value.toUpperCase()))],
  ['lower', changed(self => self.map(value => value.toLowerCase()))],
  ['title', (budget, self) => title(budget, self)],
  ['capitalize', changed(capitalize)],
  ['strip', (budget, self, args) => strip(budget, self, optionalText(args, 0), true, true)],
  ['lstrip', (budget, self, args) => strip(budget, self, optionalText(args, 0), true, false)],
  ['rstrip', (budget, self, args) => strip(budget, self, optionalText(args, 0), false, true)],
  ['startswith', affix((self, part) => self.startsWith(part))],
  ['endswith', affix((self, part) => self.endsWith(part))],
  [
    'find',
    find(
      (self, part) => self.indexOf(part),
      () => -1,
    ),
  ],
  [
    'rfind',
    find(
      (self, part) => self.lastIndexOf(part),
      () => -1,
    ),
  ],
  ['index', find((self, part) => self.indexOf(part), notFound)],
  ['rindex', find((self, part) => self.lastIndexOf(part), notFound)],
  [
    'split',
    (budget, self, args) =>
      split(budget, self, optionalText(args, 0, 'sep'), integerArgument(args, 1, 'maxsplit', -1)),
  ],
  [
    'rsplit',
    (budget, self, args) => {
      const separator = optionalText(args, 0, 'sep')
      const limit = integerArgument(args, 1, 'maxsplit', -1)
      if (separator !== null) return splitRight(budget, self, separator, limit)
      if (limit < 0) return split(budget, self, null, -1)
      throw templateError('rsplit by white space with a limit is not implemented')
    },
  ],
  [
    'splitlines',
    (budget, self, args) => splitLines(budget, self, flagArgument(args, 0, 'keepends')),
  ],
  [
    'replace',
    (budget, self, args) =>
      replace(
        budget,
        self,
        textArgument(args, 0),
        textArgument(args, 1),
        integerArgument(args, 2, 'count', -1),
      ),
  ],
  ['count', (budget, self, args) => split(budget, self, textArgument(args, 0), -1).length - 1],
  [
    'join',
    (budget, self, args) => {
      const parts = iterate(budget, argument(args, 0)).map(part => {
        if (part instanceof Text) return part
        throw templateError(`join expects texts, but got a ${typeName(part)}`)
      })
      return join(budget, parts, self)
    },
  ],
  [
    'removeprefix',
    (_budget, self, args) => {
      const prefix = textArgument(args, 0)
      return self.value.startsWith(prefix.value) ? self.slice(prefix.length) : self
    },
  ],
  [
    'removesuffix',
    (_budget, self, args) => {
      const suffix = textArgument(args, 0)
      const matches = self.value.endsWith(suffix.value)
      return matches ? self.slice(0, self.length - suffix.length) : self
    },
  ],
  ['isdigit', every(/^\p{Nd}+$/u)],
  ['isdecimal', every(/^\p{Nd}+$/u)],
  ['isnumeric', every(/^\p{N}+$/u)],
  ['isalpha', every(/^\p{L}+$/u)],
  ['isalnum', every(/^[\p{L}\p{N}]+$/u)],
  [
    'isspace',
    (budget, self) => {
      budget.each(self.length)
      return isSpace(self)
    },
  ],
  ['isupper', every(/^(?=.*\p{Lu})[^\p{Ll}\p{Lt}]+$/su)],
  ['islower', every(/^(?=.*\p{Ll})[^\p{Lu}\p{Lt}]+$/su)],
])

export const dictMethods: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
  ['items', (budget, self) => spent(budget, self, self.items())],
  ['keys', (budget, self) => spent(budget, self, self.keys())],
  ['values', (budget, self) => spent(budget, self, self.values())],
  [
    'get',
    (_budget, self, args) => {
      const key = argument(args, 0)
      return self.has(key) ? self.get(key) : (argument(args, 1, 'default') ?? null)
    },
  ],
])

function spent(budget: Budget, self: Dict, result: Value[]): Value[] {
  budget.spend(self.size)
  return result
}

export const listMethods: ReadonlyMap<string, Method<Value[]>> = new Map<string, Method<Value[]>>([
  [
    'index',
    (budget, self, args) => {
      const at = self.findIndex(item => isEqual(budget, item, argument(args, 0)))
      return at < 0 ? notFound() : at
    },
  ],
  [
    'count',
    (budget, self, args) => self.filter(item => isEqual(budget, item, argument(args, 0))).length,
  ],
])
