/**
 * Where the embedded default model lies.
 * @module
 */
import { join } from 'node:path'

/** The folder of the model that ships with the package; `root` is the folder of package.json. */
export function defaultModelFolder(root: string): string {
  return join(root, 'default-model')
}
