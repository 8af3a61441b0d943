// Bundles lib/ for ESM and CommonJS and writes the type declarations.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** dist/types for import and dist/cjs for require: the same declarations, read as ES module and as CommonJS. */
export function buildTypes() {
  const [types, cjs] = [join(root, 'dist/types'), join(root, 'dist/cjs')]
  for (const folder of [types, cjs]) rmSync(folder, { recursive: true, force: true })
  const run = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.types.json'],
    { cwd: root, stdio: 'inherit' },
  )
  if (run.status !== 0) throw new Error('The type declarations did not build.')
  for (const name of readdirSync(types, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue
    const text = readFileSync(join(types, name), 'utf8')
    // Compilers older than 5.7 resolve `./x.js` to x.d.ts, but refuse `./x.ts`.
    writeFileSync(
      join(types, name),
      text.replace(/((?:from |import\()'\.{1,2}\/[^']+)\.ts'/g, "$1.js'"),
    )
  }
  cpSync(types, cjs, { recursive: true })
  writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildLib()
  if (process.argv.includes('--types')) buildTypes()
}
