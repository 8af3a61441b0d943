import conclave = require('conclave')
import guard = require('conclave/guard')

export async function ask(): Promise<string> {
  const model: conclave.Model = await conclave.loadModel()
  // @ts-expect-error: the weights have no such type
  await conclave.loadModel(undefined, { weights: 'int3' })
  const { text }: conclave.GenerationResult = await model.generate([1, 2, 3]).result()
  return text
}

export const scanned: guard.GuardResult = guard.createGuard('default').scan('text')
