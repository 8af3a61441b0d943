/**
 * Names and what they stand for, inner over outer.
 * @module
 */
import type { Value } from './values.ts'

export class Scope {
  readonly #names: Map<string, Value>
  readonly #outer: Scope | null

  constructor(outer: Scope | null, names: Map<string, Value> = new Map()) {
    this.#outer = outer
    this.#names = names
  }

  get(name: string): Value {
    for (let scope: Scope | null = this; scope !== null; scope = scope.#outer) {
      if (scope.#names.has(name)) return scope.#names.get(name)
    }
    return undefined
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value)
  }
}
