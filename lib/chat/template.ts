/**
 * A chat template: parsed once, rendered within bounds.
 * @module
 */
import { parse, tokenize } from '@huggingface/jinja'
import { ConclaveError } from '../errors.ts'
import { Budget, overLimit, templateError } from './budget.ts'
import { globalFunctions } from './globals.ts'
import type { Text } from './marked-text.ts'
import { Scope } from './scope.ts'
import { run } from './statements.ts'
import type { Node } from './template-nodes.ts'
import type { Value } from './values.ts'

/** Templates of released models are below 64 KiB. */
const maxTemplateLength = 256 * 1024
/** The parser's search for tags takes the square of a run of white space. */
const maxSpaceRun = 128
/** A fifth of a microsecond each, at most: see test/chat/template-time.test.ts. */
const maxSteps = 500_000
/** Steps that each character of input earns on top: long conversations need more. */
const stepsPerInputChar = 1
const maxOutput = 4 * 1024 * 1024

export class ChatTemplate {
  readonly #body: readonly Node[]
  /** What every rendering finds; none can change it. */
  readonly #globals: Scope

  /**
   * `constants` are what the checkpoint itself names: bos_token and its like; `now` is what
   * strftime_now() reads.
   * @throws ConclaveError `template_error` where the source does not parse.
   */
  constructor(
    source: string,
    constants: ReadonlyMap<string, Value> = new Map(),
    now = () => new Date(),
  ) {
    this.#body = parseTemplate(source)
    this.#globals = new Scope(null, new Map([...globalFunctions(now), ...constants]))
  }

  /**
   * The prompt, with the caller's characters marked. `inputChars` is the size of `variables`.
   * @throws ConclaveError `template_error` where the template fails or refuses, `template_limit`
   * where it needs more steps, text or depth than a chat does.
   */
  render(variables: ReadonlyMap<string, Value>, inputChars: number): Text {
    const steps = maxSteps + stepsPerInputChar * inputChars
    const budget = new Budget(steps, maxOutput + 2 * inputChars)
    try {
      return run(budget, this.#body, new Scope(this.#globals, new Map(variables)))
    } catch (error) {
      if (error instanceof ConclaveError) throw error
      if (error instanceof RangeError) throw overLimit('the depth of nesting')
      throw templateError((error as Error).message)
    }
  }
}

function parseTemplate(source: string): readonly Node[] {
  if (source.length > maxTemplateLength) {
    throw templateError(`it has ${source.length} characters, more than ${maxTemplateLength}`)
  }
  if (new RegExp(`\\s{${maxSpaceRun}}`).test(source)) {
    throw templateError(`it has a run of more than ${maxSpaceRun} blanks`)
  }
  try {
    const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
    // The package exports no types of its nodes; template-nodes.ts spells them out.
    return program.body as unknown as readonly Node[]
  } catch (error) {
    const reason =
      error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message
    throw new ConclaveError(
      'template_error',
      `The chat template does not parse: ${reason}. Check the model's chat template.`,
      {},
      { cause: error },
    )
  }
}
