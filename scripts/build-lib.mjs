// Bundles lib/ for ESM and CommonJS and writes the type declarations.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

export async function buildLib() {
  const { build } = await import('esbuild')
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    absWorkingDir: root,
    logLevel: 'warning',
  }
  // In CommonJS output there is no import.meta; lib/native.ts is the one file that reads it.
  const cjs = {
    format: 'cjs',
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  }
  const entry = (name, format) => ({ ...common, ...(format === 'cjs' ? cjs : { format }), ...name })
  await Promise.all([
    build(entry({ entryPoints: ['lib/index.ts'], outfile: 'dist/index.mjs' }, 'esm')),
    build(entry({ entryPoints: ['lib/index.ts'], outfile: 'dist/index.cjs' }, 'cjs')),
    build(
      entry(
        {
          entryPoints: ['lib/cli/main.ts'],
          outfile: 'dist/cli.mjs',
          banner: { js: '#!/usr/bin/env node' },
        },
        'esm',
      ),
    ),
  ])
}

/** dist/types: declarations, the same text for both module kinds. */
export function buildTypes() {
  const run = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.types.json'],
    { cwd: root, stdio: 'inherit' },
  )
  if (run.status !== 0) throw new Error('The type declarations did not build.')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildLib()
  if (process.argv.includes('--types')) buildTypes()
}
