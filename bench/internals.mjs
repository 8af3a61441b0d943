// The library with its native layer in reach: what the public surface hides and a bench has to see.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { benchFolder, projectFolder } from './paths.mjs'

const source = `
export { native } from './lib/native.ts'
export { loadModel } from './lib/engine/load.ts'
`

/** { native, loadModel } from the sources as they are now. */
export async function internals() {
  const outfile = join(benchFolder, '.cache/internals.mjs')
  await build({
    stdin: { contents: source, resolveDir: projectFolder, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    format: 'esm',
    logLevel: 'warning',
  })
  return import(pathToFileURL(outfile).href)
}

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

/** Calls `change` on every executor made from here on. Gives what ends that. */
export function watchExecutors(addon, change) {
  const create = addon.createExecutor
  addon.createExecutor = async (...args) => {
    const executor = await create.apply(addon, args)
    change(executor)
    return executor
  }
  return () => {
    addon.createExecutor = create
  }
}
