// Writes schemas/report-*.json: the published shapes of compliance reports.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const outfile = join('node_modules/.cache/report-schema.mjs')
await build({
  entryPoints: ['lib/compliance/report-schema.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
})
const { jsonSchemaOf } = await import(join(process.cwd(), outfile))
mkdirSync('schemas', { recursive: true })
for (const kind of ['stor', 'sar', 'pboc'])
  writeFileSync(`schemas/report-${kind}.json`, `${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`)
