/**
 * Packages that only some callers need: loaded when they are used.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** What `load` imports; throws `invalid_request` naming the package where it is not installed. */
export async function optional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as { code: string }).code))
      throw error
    throw new ConclaveError(
      'invalid_request',
      `Expected the package ${name} for this case store, but it is not installed. Run npm ` +
        `install ${name}.`,
      { package: name },
      { cause: error },
    )
  }
}
