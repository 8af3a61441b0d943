/**
 * An evaluation as a picture: how it went along the text, window by window.
 * @module
 */
import type { WindowScore } from './evaluate.ts'

interface Series {
  readonly name: string
  readonly color: string
  readonly values: readonly number[]
}

interface Panel {
  readonly title: string
  readonly series: readonly Series[]
  /** Of the axis; absent: as the values are. */
  readonly from?: number
  readonly to?: number
}

const size = { width: 760, panel: 190, left: 70, right: 20, top: 34, plot: 120 } as const
const [blue, orange] = ['#2563eb', '#ea580c']

/**
 * SVG text: perplexity of each window, and below it mean KL and top-1 agreement where there was a
 * reference. `title` is plain text.
 */
export function evaluationPicture(title: string, windows: readonly WindowScore[]): string {
  const panels = panelsOf(windows)
  const height = 40 + panels.length * size.panel
  const body = panels.map((panel, i) => drawPanel(panel, 40 + i * size.panel)).join('')
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" ` +
    `font-family="sans-serif" font-size="12" role="img"><title>${escaped(title)}</title>` +
    `<rect width="100%" height="100%" fill="#fff"/>` +
    `${label(size.left, 24, escaped(title), 'font-size="15" font-weight="bold"')}${body}</svg>\n`
  )
}

function panelsOf(windows: readonly WindowScore[]): Panel[] {
  const series = (name: string, color: string, key: keyof WindowScore): Series => ({
    name,
    color,
    values: windows.map(window => window[key] ?? Number.NaN),
  })
  const tested = series('tested', blue!, 'perplexity')
  if (windows[0]?.klMean === undefined)
    return [{ title: 'Perplexity of each window', series: [tested] }]
  const reference = series('reference', orange!, 'referencePerplexity')
  return [
    { title: 'Perplexity of each window', series: [reference, tested] },
    { title: 'Mean KL, nats', series: [series('', blue!, 'klMean')], from: 0 },
    { title: 'Same best token', series: [series('', blue!, 'top1Agreement')], to: 1 },
  ]
}

function drawPanel({ title, series, from, to }: Panel, y: number): string {
  const all = series.flatMap(({ values }) => values)
  const low = from ?? Math.min(...all)
  const high = to ?? Math.max(...all)
  const bottom = y + size.top + size.plot
  const right = size.width - size.right
  const count = series[0]!.values.length
  const xOf = (i: number) => size.left + ((right - size.left) * (i + 0.5)) / count
  const yOf = (v: number) => bottom - (high > low ? ((v - low) / (high - low)) * size.plot : 0)
  const lines = series.map(({ values, color, name }, k) => {
    const points = values.map((v, i) => `${xOf(i).toFixed(1)},${yOf(v).toFixed(1)}`).join(' ')
    const line = `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="1.5"/>`
    return line + label(right - 150 + k * 80, y + 20, name, `fill="${color}"`)
  })
  const axis = [low, high].map(v => {
    const at = yOf(v).toFixed(1)
    const tick = `<line x1="${size.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>`
    return tick + label(size.left - 8, Number(at) + 4, shortNumber(v), 'text-anchor="end"')
  })
  const last = label(right, bottom + 16, `${count} windows`, 'text-anchor="end" fill="#666"')
  return label(size.left, y + 20, title, '') + axis.join('') + lines.join('') + last
}

const label = (x: number, y: number, text: string, style: string) =>
  `<text x="${x}" y="${y}" ${style}>${text}</text>`

const shortNumber = (x: number) => String(Number(x.toPrecision(3)))

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`).replace(/[^\P{Cc}\t]/gu, ' ')
