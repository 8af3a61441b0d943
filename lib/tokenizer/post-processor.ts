/**
 * The ids that a tokenizer puts around a text that is not a chat: Llama's begin-of-text.
 * @module
 */
import { invalidFile, isObject } from './tokenizer-file.ts'

export interface Surround {
  before: number[]
  after: number[]
}

/** `idOf` answers for the tokens that the file names. */
export function readPostProcessor(
  config: unknown,
  idOf: (token: string) => number | undefined,
): Surround {
  const surround: Surround = { before: [], after: [] }
  if (!isObject(config)) return surround
  const known = (token: unknown): number => {
    const id = typeof token === 'string' ? idOf(token) : undefined
    if (id === undefined) {
      throw invalidFile(`the post-processor names ${JSON.stringify(token)}, which is no token`)
    }
    return id
  }
  const processors =
    config.type === 'Sequence' && Array.isArray(config.processors) ? config.processors : [config]
  for (const processor of processors) {
    if (!isObject(processor)) throw invalidFile('expected each post-processor to be an object')
    if (processor.type === 'TemplateProcessing') readTemplate(surround, processor.single, known)
    if (processor.type === 'BertProcessing' || processor.type === 'RobertaProcessing') {
      surround.before.push(known((processor.cls as unknown[] | undefined)?.[0]))
      surround.after.push(known((processor.sep as unknown[] | undefined)?.[0]))
    }
  }
  return surround
}

function readTemplate(surround: Surround, single: unknown, known: (token: unknown) => number) {
  if (!Array.isArray(single)) throw invalidFile('expected a list "post_processor.single"')
  let side = surround.before
  for (const item of single) {
    if (!isObject(item)) throw invalidFile('expected each template piece to be an object')
    if (isObject(item.SpecialToken)) side.push(known(item.SpecialToken.id))
    else side = surround.after
  }
}
