/**
 * Names and what they stand for, inner over outer.
 * @module
 */
import type { Budget } from './budget.ts'
import type { Value } from './values.ts'

const hopsPerStep = 8

export class Scope {
  readonly #names: Map<string, Value>
  readonly #outer: Scope | null

  constructor(outer: Scope | null, names: Map<string, Value> = new Map()) {
    this.#outer = outer
    this.#names = names
  }

  get(budget: Budget, name: string): Value {
    let hops = 0
    let scope: Scope | null = this
    while (scope !== null && !scope.#names.has(name)) {
      scope = scope.#outer
      hops++
    }
    budget.spend(hops / hopsPerStep)
    return scope === null ? undefined : scope.#names.get(name)
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value)
  }
}
