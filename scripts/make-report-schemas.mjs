// Writes schemas/report-*.json: the published shapes of compliance reports.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fromSource } from './from-source.mjs'

const { jsonSchemaOf } = await fromSource(
  'report-schema',
  `export { jsonSchemaOf } from './lib/compliance/report-schema.ts'`,
)
mkdirSync('schemas', { recursive: true })
for (const kind of ['stor', 'sar', 'pboc'])
  writeFileSync(`schemas/report-${kind}.json`, `${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`)
