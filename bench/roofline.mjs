// Draws bench/profile.svg: operations a second over operations a byte, under the measured ceilings.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder } from './paths.mjs'

const size = { width: 760, height: 420, left: 60, right: 150, top: 30, bottom: 40 }
const xRange = [0.1, 10_000]
const yRange = [1, 20_000] // Gop/s
const colors = ['#2f6f4f', '#b5533c', '#3c6fb5', '#8a5fb5', '#b58a2f', '#5f8a8a', '#9a3c6f', '#666']

const along = ([low, high], value) => Math.log(value / low) / Math.log(high / low)
const x = value => size.left + along(xRange, value) * (size.width - size.left - size.right)
const y = value =>
  size.height - size.bottom - along(yRange, value) * (size.height - size.top - size.bottom)
const point = (a, b) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`
const text = (at, down, content, extra = '') =>
  `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${extra}>${content}</text>`

/** `rows` with { what, bytes, flops, us, share }; a dot's area is its share of the step. */
export function drawRoofline(rows, { readBytesPerSecond, int8OpsPerSecond, bf16FlopsPerSecond }) {
  const read = readBytesPerSecond / 1e9
  const roof = (peak, name) => {
    const knee = peak / read
    const line = `<polyline points="${point(yRange[0] / read, yRange[0])} ${point(knee, peak)} ${point(xRange[1], peak)}" fill="none" stroke="#999"/>`
    return line + text(x(xRange[1]) + 6, y(peak) + 4, `${name} ${peak.toFixed(0)} Gop/s`)
  }
  const phases = [...new Set(rows.map(r => r.what.split(':')[0]))]
  const dots = rows
    .filter(r => r.flops > 0)
    .map(({ what, bytes, flops, us, share }) => {
      const color = colors[phases.indexOf(what.split(':')[0]) % colors.length]
      const at = [flops / bytes, flops / us / 1e3]
      const radius = (3 + 12 * Math.sqrt(share)).toFixed(1)
      return `<circle cx="${x(at[0]).toFixed(1)}" cy="${y(at[1]).toFixed(1)}" r="${radius}" fill="${color}" fill-opacity="0.5"><title>${what}</title></circle>`
    })
  const key = phases.map((phase, i) =>
    text(size.left + 12, size.top + 14 + 15 * i, phase, `fill="${colors[i % colors.length]}"`),
  )
  const ticks = [0.1, 1, 10, 100, 1000, 10_000].map(v =>
    text(x(v), size.height - size.bottom + 16, v, 'text-anchor="middle"'),
  )
  const rates = [1, 10, 100, 1000, 10_000].map(v =>
    text(size.left - 6, y(v) + 4, v, 'text-anchor="end"'),
  )
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" font-family="system-ui, sans-serif" font-size="11" fill="#24292f">`,
    '<title>Operations a second over operations a byte, by kind of node</title>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    roof(int8OpsPerSecond / 2e9, 'int8 × 16 bits'),
    roof(bf16FlopsPerSecond / 1e9, 'bf16'),
    text(x(0.12), y(read * 0.12) - 30, `${read.toFixed(1)} GB/s`),
    ...ticks,
    ...rates,
    text(size.width / 2 - 60, size.height - 6, 'operations a byte'),
    text(8, 16, 'Gop/s; a dot is a kind of node, its area the share of the step'),
    ...key,
    ...dots,
    '</svg>',
  ]
  writeFileSync(join(benchFolder, 'profile.svg'), `${lines.join('\n')}\n`)
}
