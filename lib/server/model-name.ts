/**
 * The model that a request names must be the one that is served.
 * @module
 */
import type { Call } from './endpoint.ts'
import { Refusal } from './refusal.ts'

/** Throws a 404; the name is not told back. Left out, it is the model. */
export function checkModel({ serving }: Call, name: string | null | undefined): void {
  if (name === undefined || name === null || name === serving.options.modelName) return
  throw unknownModel()
}

export function unknownModel(): Refusal {
  return new Refusal({
    status: 404,
    code: 'not_found',
    message: 'There is no such model. /v1/models lists the names.',
    param: 'model',
  })
}
