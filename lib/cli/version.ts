/**
 * The version of this package.
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../native.ts'

/** As package.json has it. */
export const version = (): string =>
  JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).version
