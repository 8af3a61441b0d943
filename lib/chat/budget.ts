/**
 * What a template may spend. Templates come with checkpoints that nobody vouches for.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** For operations of the runtime's own; where each character is looked at by ours, see `each`. */
const charsPerStep = 16
const comparisonsPerStep = 512
/** A tree or a chain of macros deeper than this is refused, well before the stack ends. */
const maxDepth = 500
const maxMacroDepth = 64

export class Budget {
  #steps: number
  #depth = 0
  #macroDepth = 0
  readonly #maxChars: number

  /** `steps` evaluations, and texts of at most `maxChars` UTF-16 units. */
  constructor(steps: number, maxChars: number) {
    this.#steps = steps
    this.#maxChars = maxChars
  }

  spend(steps: number): void {
    this.#steps -= steps
    if (!(this.#steps >= 0)) throw overLimit('the number of steps')
  }

  /** Before a text grows to this length. */
  fits(length: number): void {
    if (length > this.#maxChars) throw overLimit('the length of a text')
  }

  /** Before a text of this length is made or read through. */
  chars(length: number): void {
    this.fits(length)
    this.charge(length)
  }

  /** Before texts of this length together are read through. */
  charge(length: number): void {
    this.spend(1 + length / charsPerStep)
  }

  /** Before a text's characters, or the parts of it, are handled one by one. */
  each(count: number): void {
    this.spend(1 + 2 * count)
  }

  /** Before `needle` is looked for in `hay`: the search may take their product. */
  search(hay: number, needle: number): void {
    const product = hay * Math.max(1, Math.min(needle, hay - needle + 1))
    this.spend(1 + product / comparisonsPerStep)
  }

  enter(): void {
    if (++this.#depth > maxDepth) throw overLimit('the depth of nesting')
    this.spend(1)
  }

  leave(): void {
    this.#depth--
  }

  enterMacro(): void {
    if (++this.#macroDepth > maxMacroDepth) throw overLimit('the depth of macro calls')
  }

  leaveMacro(): void {
    this.#macroDepth--
  }
}

export function overLimit(what: string): ConclaveError {
  return new ConclaveError(
    'template_limit',
    `The chat template went over its bound on ${what}. ` +
      'Use the template of a model that you trust, or a shorter conversation.',
    { bound: what },
  )
}

/** `template_error`: the template is wrong, or refuses the conversation. */
export function templateError(what: string): ConclaveError {
  return new ConclaveError(
    'template_error',
    `The chat template failed: ${what}. Check the messages and the model's chat template.`,
  )
}
