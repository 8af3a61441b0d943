/**
 * Follows JSON a character at a time and knows how to end it.
 * @module
 */

type State =
  | 'value'
  | 'array-start'
  | 'object-start'
  | 'key'
  | 'colon'
  | 'after'
  | 'string'
  | 'escape'
  | 'number'
  | 'literal'

const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const blank = /[ \t\r\n]/
const maxDepth = 512

export class JsonWalker {
  #state: State = 'value'
  #stack: ('{' | '[')[] = []
  #isKey = false
  /** The number, literal or escape so far. */
  #word = ''

  get depth(): number {
    return this.#stack.length
  }

  /** A value is complete: the whole where the depth is 0. */
  get afterValue(): boolean {
    return this.#state === 'after'
  }

  get inString(): boolean {
    return this.#state === 'string' || this.#state === 'escape'
  }

  get expectsValue(): boolean {
    return this.#state === 'value' || this.#state === 'array-start'
  }

  /** The next character begins or goes on with a key. */
  get inKey(): boolean {
    return this.#isKey && this.inString
  }

  /** True where {@link closers} make valid JSON of what came so far. */
  get safe(): boolean {
    if (this.#state === 'string') return !this.#isKey
    return ['after', 'object-start', 'array-start'].includes(this.#state)
  }

  /** What is missing. */
  closers(): string {
    const ends = this.#stack.map(open => (open === '{' ? '}' : ']')).reverse()
    return (this.inString ? '"' : '') + ends.join('')
  }

  /** False where no JSON goes on so; raw control characters in strings pass. */
  accept(char: string): boolean {
    switch (this.#state) {
      case 'string':
        if (char === '"') this.#state = this.#isKey ? 'colon' : 'after'
        else if (char === '\\') this.#enter('escape', '')
        return true
      case 'escape':
        return this.#escape(char)
      case 'number':
      case 'literal':
        return this.#inWord(char)
      default:
        return blank.test(char) || this.#structure(char)
    }
  }

  #structure(char: string): boolean {
    const state = this.#state
    if (state === 'colon') return char === ':' && this.#enter('value')
    if (state === 'after') return this.#afterValue(char)
    if (state === 'key' || state === 'object-start') {
      if (char === '}' && state === 'object-start') return this.#close('{')
      this.#isKey = true
      return char === '"' && this.#enter('string')
    }
    if (char === ']' && state === 'array-start') return this.#close('[')
    return this.#beginValue(char)
  }

  #beginValue(char: string): boolean {
    if (char === '{' || char === '[') {
      if (this.#stack.length >= maxDepth) return false
      this.#stack.push(char)
      return this.#enter(char === '{' ? 'object-start' : 'array-start')
    }
    this.#isKey = false
    if (char === '"') return this.#enter('string')
    if (/[-\d]/.test(char)) return this.#enter('number', char)
    return /[tfn]/.test(char) && this.#enter('literal', char)
  }

  #afterValue(char: string): boolean {
    const open = this.#stack.at(-1)
    if (char === ',' && open !== undefined) return this.#enter(open === '{' ? 'key' : 'value')
    if (char === '}') return this.#close('{')
    return char === ']' && this.#close('[')
  }

  #close(open: '{' | '['): boolean {
    return this.#stack.pop() === open && this.#enter('after')
  }

  #escape(char: string): boolean {
    this.#word += char
    if (this.#word === 'u') return true
    if (this.#word[0] !== 'u') return '"\\/bfnrt'.includes(char) && this.#enter('string')
    if (!/[\da-fA-F]/.test(char)) return false
    return this.#word.length < 5 || this.#enter('string')
  }

  #inWord(char: string): boolean {
    const isNumber = this.#state === 'number'
    if (isNumber ? /[-+.\deE]/.test(char) : /[a-z]/.test(char)) {
      this.#word += char
      return isNumber
        ? this.#word.length <= 400
        : ['true', 'false', 'null'].some(word => word.startsWith(this.#word))
    }
    if (!(isNumber ? number.test(this.#word) : /^(true|false|null)$/.test(this.#word))) return false
    this.#state = 'after'
    return this.accept(char)
  }

  #enter(state: State, word = ''): true {
    this.#state = state
    this.#word = word
    return true
  }
}
