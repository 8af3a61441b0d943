// Draws bench/results.svg from the last results of `npm run bench -- peers`: node bench/picture.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder } from './paths.mjs'

const width = 760
const left = 190
const barHeight = 18
const scale = width - left - 130
const colors = { ours: '#2f6f4f', peer: '#9aa5ad', ceiling: '#b5533c', text: '#24292f' }

const { date, machine, rows } = JSON.parse(
  readFileSync(join(benchFolder, '.cache/results/peers.json'), 'utf8'),
)
const compared = rows.filter(r => r.unit === 'tok/s' && r.peer > 0)
if (compared.length === 0) throw new Error('Expected a run of peers without --busy to draw')

const text = (x, y, content, extra = '') =>
  `<text x="${x}" y="${y}" fill="${colors.text}" ${extra}>${content}</text>`
const bar = (y, length, color) =>
  `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${color}"/>`
const rate = value => `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} tok/s`

/** Two bars against the ceiling, which is the right end of each group where it is known. */
function group(row, top) {
  const ceiling = row.fraction > 0 ? row.value / row.fraction : Math.max(row.value, row.peer)
  const length = value => (scale * value) / ceiling
  const end = left + scale
  const share = row.fraction > 0 ? `, ${Math.round(row.fraction * 100)} %` : ''
  return [
    text(left - 12, top + 16, `${row.model}, ${row.what}`, 'text-anchor="end" font-weight="600"'),
    bar(top, length(row.value), colors.ours),
    text(left + 6, top + 13, `Conclave ${rate(row.value)}${share}`, 'style="fill:#fff"'),
    bar(top + barHeight + 4, length(row.peer), colors.peer),
    text(left + 6, top + barHeight + 17, `node-llama-cpp ${rate(row.peer)}`),
    row.fraction > 0 &&
      `<path d="M${end} ${top - 4}v48" stroke="${colors.ceiling}" stroke-width="2"/>`,
    row.fraction > 0 &&
      text(end + 8, top + 16, `${rate(ceiling)}`, `style="fill:${colors.ceiling}"`),
    row.fraction > 0 && text(end + 8, top + 32, row.of, `style="fill:${colors.ceiling}"`),
  ].filter(Boolean)
}

const head = [
  text(16, 28, 'bf16 weights, one request, 2 threads', 'font-size="16" font-weight="600"'),
  text(
    16,
    48,
    `${machine.cpu}, ${machine.cores} cores, ${date.slice(0, 10)}; red: the ceiling of the same run`,
  ),
]
const groups = compared.flatMap((row, i) => group(row, 70 + i * 62))
const height = 76 + compared.length * 62
const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
const font = 'font-family="system-ui, sans-serif" font-size="12"'
const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>
<rect width="100%" height="100%" fill="#fff"/>
${[...head, ...groups].join('\n')}
</svg>
`
writeFileSync(join(benchFolder, 'results.svg'), svg)
