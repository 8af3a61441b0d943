// The library with its native layer in reach: what the public surface hides and a bench has to see.
import { fromSource } from '../scripts/from-source.mjs'

/** { native, loadModel } from the sources as they are now. */
export const internals = () =>
  fromSource(
    'internals',
    `export { native } from './lib/native.ts'
     export { loadModel } from './lib/engine/load.ts'
     export { weightSizer } from './lib/engine/memory-plan.ts'`,
  )

/**
 * Every executor made from here on has its `step` replaced by `around(step)`, step: (batch) →
 * Promise<result>. Its steps are not packed then.
 */
export function watchSteps(addon, around) {
  return watchExecutors(addon, executor => {
    Object.defineProperty(executor, 'step', { value: around(executor.step.bind(executor)) })
    Object.defineProperty(executor, 'stepPacked', { value: undefined })
  })
}

/** Calls change(executor, what it was made of) for every executor made from here on. Gives what ends that. */
export function watchExecutors(addon, change) {
  const create = addon.createExecutor
  addon.createExecutor = async (...args) => {
    const executor = await create.apply(addon, args)
    change(executor, args)
    return executor
  }
  return () => {
    addon.createExecutor = create
  }
}
