/**
 * Every run of symbols of some sequences, found in one step a symbol.
 * @module
 */

/** Where a reader stands: the longest run up to here that is in a sequence. */
interface Cursor {
  state: number
  length: number
}

/** Odd numbers that spread states and symbols over the table. */
const spreadState = 0x9e3779b1
const spreadSymbol = 0x85ebca6b

/**
 * A suffix automaton (Blumer et al. 1985) in flat arrays: at most two states and three edges a
 * symbol, about 110 bytes. Edges are found in a hash table, and those of a state form a list.
 */
export class SuffixAutomaton {
  #states = 1
  #edges = 0
  readonly #length: Int32Array
  readonly #link: Int32Array
  /** Where the run of a state ends for the first time. */
  readonly #position: Int32Array
  /** First edge of a state; 0: none. */
  readonly #first: Int32Array
  readonly #source: Int32Array
  readonly #target: Int32Array
  readonly #symbol: Uint16Array
  readonly #sibling: Int32Array
  readonly #table: Int32Array
  #last = 0
  #count = 0

  /** `symbols`: how many will be added in all. */
  constructor(symbols: number) {
    const states = 2 * symbols + 2
    const edges = 4 * symbols + 2
    this.#length = new Int32Array(states)
    this.#link = new Int32Array(states)
    this.#link[0] = -1
    this.#position = new Int32Array(states)
    this.#first = new Int32Array(states)
    this.#source = new Int32Array(edges)
    this.#target = new Int32Array(edges)
    this.#symbol = new Uint16Array(edges)
    this.#sibling = new Int32Array(edges)
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * edges)))
  }

  /** Begins another sequence: no run reaches over its beginning. */
  begin(): void {
    this.#last = 0
  }

  /** Adds a symbol to the sequence. */
  add(symbol: number): void {
    this.#last = this.#extend(this.#last, symbol, this.#count++)
  }

  /** Takes `cursor` one symbol on. */
  follow(cursor: Cursor, symbol: number): void {
    let { state, length } = cursor
    let edge = this.#edge(state, symbol)
    while (edge === 0 && state > 0) {
      state = this.#link[state]!
      length = this.#length[state]!
      edge = this.#edge(state, symbol)
    }
    cursor.state = edge === 0 ? 0 : this.#target[edge]!
    cursor.length = edge === 0 ? 0 : length + 1
  }

  /** Number of the symbol, of all that were added, at which the run of a state first ends. */
  end(state: number): number {
    return this.#position[state]!
  }

  #extend(last: number, symbol: number, position: number): number {
    const known = this.#edge(last, symbol)
    if (known !== 0) {
      const target = this.#target[known]!
      if (this.#length[target] === this.#length[last]! + 1) return target
      return this.#split(last, target, symbol)
    }
    const state = this.#state(this.#length[last]! + 1, position)
    let at = last
    let edge = 0
    while (at >= 0) {
      edge = this.#edge(at, symbol)
      if (edge !== 0) break
      this.#connect(at, symbol, state)
      at = this.#link[at]!
    }
    if (at < 0) return state
    const target = this.#target[edge]!
    const fits = this.#length[target] === this.#length[at]! + 1
    this.#link[state] = fits ? target : this.#split(at, target, symbol)
    return state
  }

  /** A copy of `target` for the shorter runs that end in `symbol`. */
  #split(from: number, target: number, symbol: number): number {
    const copy = this.#state(this.#length[from]! + 1, this.#position[target]!)
    for (let edge = this.#first[target]!; edge !== 0; edge = this.#sibling[edge]!)
      this.#connect(copy, this.#symbol[edge]!, this.#target[edge]!)
    this.#link[copy] = this.#link[target]!
    this.#link[target] = copy
    for (let at = from; at >= 0; at = this.#link[at]!) {
      const edge = this.#edge(at, symbol)
      if (this.#target[edge] !== target) break
      this.#target[edge] = copy
    }
    return copy
  }

  #state(length: number, position: number): number {
    this.#length[this.#states] = length
    this.#position[this.#states] = position
    return this.#states++
  }

  #connect(source: number, symbol: number, target: number): void {
    const edge = ++this.#edges
    this.#source[edge] = source
    this.#symbol[edge] = symbol
    this.#target[edge] = target
    this.#sibling[edge] = this.#first[source]!
    this.#first[source] = edge
    let slot = this.#slot(source, symbol)
    while (this.#table[slot] !== 0) slot = (slot + 1) & (this.#table.length - 1)
    this.#table[slot] = edge
  }

  /** The edge of `source` for `symbol`; 0: none. */
  #edge(source: number, symbol: number): number {
    let slot = this.#slot(source, symbol)
    for (;;) {
      const edge = this.#table[slot]!
      if (edge === 0) return 0
      if (this.#source[edge] === source && this.#symbol[edge] === symbol) return edge
      slot = (slot + 1) & (this.#table.length - 1)
    }
  }

  #slot(source: number, symbol: number): number {
    const mixed = Math.imul(source, spreadState) ^ Math.imul(symbol + 1, spreadSymbol)
    return (mixed ^ (mixed >>> 15)) & (this.#table.length - 1)
  }
}
