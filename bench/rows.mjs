// What a bench returns, printed and kept: { what, model, value, unit, spread?, foreign?, rate?,
// ceiling?, peer?, ratio?, target?, holds?, note? }
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder } from './paths.mjs'

const number = v =>
  v === undefined ? '' : Number(v).toFixed(Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2)
const percent = v => (v === undefined ? '' : `${Math.round(v * 100)} %`)

const columns = [
  ['what', r => r.what],
  ['model', r => r.model ?? ''],
  ['value', r => `${number(r.value)} ${r.unit ?? ''}`],
  ['±', r => percent(r.spread)],
  ['of ceiling', r => (r.fraction === undefined ? '' : `${percent(r.fraction)} of ${r.of}`)],
  ['peer', r => (r.peer === undefined ? '' : `${number(r.peer)} (× ${number(r.ratio)})`)],
  ['target', r => (r.target ? `${r.target} ${r.holds ? '✓' : '✗'}` : '')],
  ['others', r => (r.foreign === undefined ? '' : `${r.foreign.toFixed(2)} cores`)],
  ['note', r => r.note ?? ''],
]

export function printRows(rows) {
  const cells = [
    columns.map(([name]) => name),
    ...rows.map(r => columns.map(([, show]) => show(r))),
  ]
  const widths = columns.map((_, i) => Math.max(...cells.map(line => line[i].length)))
  for (const line of cells)
    console.log(
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
}

/** One file a bench; the picture and the table of README.md are made from these. */
export function saveRows(name, machine, rows) {
  const folder = join(benchFolder, '.cache/results')
  mkdirSync(folder, { recursive: true })
  const date = new Date().toISOString()
  const kept = { name, date, machine, rows }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(kept, null, 1))
}
