// Bundles lib/ for ESM and CommonJS and writes the type declarations.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What callers import, by the name of its files in dist/. */
const entries = {
  errors: 'lib/errors.ts',
  index: 'lib/index.ts',
  guard: 'lib/guard/index.ts',
  server: 'lib/server/index.ts',
  client: 'lib/client/index.ts',
  'ai-sdk': 'lib/ai-sdk/index.ts',
  compliance: 'lib/compliance/index.ts',
}

/** One copy of the error class: `instanceof` holds for errors of every entry. */
const ownErrors = extension => ({
  name: 'own-errors',
  setup: build =>
    build.onResolve({ filter: /\/errors\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: `./errors.${extension}`, external: true },
    ),
})

/** The command loads compliance when it is asked for, from the file that callers import too. */
const ownCompliance = {
  name: 'own-compliance',
  setup: build =>
    build.onResolve({ filter: /\/compliance\/index\.ts$/ }, () => ({
      path: './compliance.mjs',
      external: true,
    })),
}

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
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  }
  const command = {
    entryPoints: ['lib/cli/main.ts'],
    banner: { js: '#!/usr/bin/env node' },
    plugins: [ownErrors('mjs'), ownCompliance],
    // Nobody imports it, and it carries most of the library: a fourth of it was blanks.
    minifyWhitespace: true,
  }
  const outputs = Object.entries(entries).flatMap(([name, file]) =>
    [
      { format: 'esm', extension: 'mjs' },
      { format: 'cjs', extension: 'cjs', ...cjs },
    ].map(({ extension, ...options }) => ({
      ...options,
      entryPoints: [file],
      outfile: `dist/${name}.${extension}`,
      plugins: [ownErrors(extension)],
    })),
  )
  const all = [...outputs, { ...command, format: 'esm', outfile: 'dist/cli.mjs' }]
  await Promise.all(all.map(options => build({ ...common, ...options })))
}

const declaration = file => file.replace(/^lib\//, '').replace(/\.ts$/, '.d.ts')

/** The declarations that callers of `paths` come to see → their texts; the rest stays at home. */
function reachedFrom(paths) {
  const reached = new Map()
  for (const path of paths) {
    if (reached.has(path)) continue
    const text = readFileSync(path, 'utf8')
    // Compilers older than 5.7 resolve `./x.js` to x.d.ts, but refuse `./x.ts`.
    const asJs = text.replace(/((?:from |import\()'\.{1,2}\/[^']+)\.ts'/g, "$1.js'")
    reached.set(path, asJs)
    for (const [, target] of asJs.matchAll(/(?:from |import\()'(\.{1,2}\/[^']+)\.js'/g))
      paths.push(join(dirname(path), `${target}.d.ts`))
  }
  return reached
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
  const reached = reachedFrom(Object.values(entries).map(file => join(types, declaration(file))))
  for (const name of readdirSync(types, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue
    const path = join(types, name)
    if (reached.has(path)) writeFileSync(path, reached.get(path))
    else rmSync(path)
  }
  cpSync(types, cjs, { recursive: true })
  writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildLib()
  if (process.argv.includes('--types')) buildTypes()
}
