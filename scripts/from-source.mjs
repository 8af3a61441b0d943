// Imports parts of the project that the public surface hides: bundled from the sources as they are now.
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The module of `source`, whose paths begin at the root. `name` is for its file in the cache. */
export async function fromSource(name, source) {
  const outfile = join(root, 'node_modules/.cache', `${name}.mjs`)
  await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
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
