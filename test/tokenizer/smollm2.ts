import { existsSync } from 'node:fs'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { smollm2Path } from '../../scripts/fetch-smollm2.mjs'
import { addon, firstMissing } from '../engine/needs.ts'

/** Why SmolLM2 cannot be read, or null. */
export const smollm2Missing = !existsSync(smollm2Path)
  ? 'SmolLM2 is not there: run node scripts/fetch-smollm2.mjs'
  : firstMissing([addon]) === undefined
    ? null
    : `${addon} is not there`

/** The tokenizer and the chat template inside of its GGUF file. */
export async function smollm2Files() {
  return (await openModelFolder(smollm2Path)).tokenizer!
}
