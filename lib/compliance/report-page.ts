/**
 * A report as a page that can be printed.
 * @module
 */
import type { Report } from './report-schema.ts'

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for HTML, in elements and in quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, unit => escapes[unit]!)

const titles = {
  'conclave/report-stor/1': 'Suspicious transaction and order report (STOR): draft',
  'conclave/report-sar/1': 'Suspicious activity report (SAR): draft',
  'conclave/report-pboc/1': '可疑交易报告（草稿） · Suspicious transaction report (PBoC): draft',
} as const

const style = `
body{font:14px/1.45 system-ui,"Noto Sans CJK SC",sans-serif;max-width:58em;margin:2em auto;color:#111;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;border-bottom:1px solid #999;margin-top:1.6em}
.notice{border:2px solid #a00;padding:.6em 1em;font-weight:600}
table{border-collapse:collapse;width:100%;margin:.4em 0}td,th{border:1px solid #bbb;padding:.25em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:#f3f3f3;width:14em}.na{color:#a00}section{break-inside:avoid}
.sign td{height:3.5em}@media print{body{margin:0;max-width:none}}`

/**
 * A self-contained HTML page: no script, nothing is loaded.
 * @example
 * writeFileSync('report.html', reportPage(report))
 */
export function reportPage(report: Report): string {
  const { schema, notice, cases, ...rest } = report
  const title = titles[schema]
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${style}</style></head><body><h1>${escapeHtml(title)}</h1><p class="notice">${escapeHtml(notice)}</p>
${Object.entries(rest).map(section).join('\n')}
<h2>Cases</h2>${cases.map(one => `<section>${value(one)}</section>`).join('\n')}
<h2>Decision of the person who files</h2><table class="sign"><tr><th>Name, position</th><td></td></tr>
<tr><th>Decision and reason</th><td></td></tr><tr><th>Date, signature</th><td></td></tr></table>
</body></html>`
}

/** `auditHead` → "Audit head"; the id of a rule stays. */
function wordsOf(name: string): string {
  if (/[._]/.test(name)) return escapeHtml(name)
  const words = name.replace(/[A-Z]/g, unit => ` ${unit.toLowerCase()}`)
  return escapeHtml(words.slice(0, 1).toUpperCase() + words.slice(1))
}

const section = ([name, content]: [string, unknown]): string =>
  `<section><h2>${wordsOf(name)}</h2>${value(content)}</section>`

function value(content: unknown): string {
  if (content === null) return '<span class="na">none</span>'
  if (Array.isArray(content))
    return content.length === 0 ? 'none' : content.map(one => `<div>${value(one)}</div>`).join('')
  if (typeof content !== 'object') return escapeHtml(String(content))
  const entries = Object.entries(content as object)
  const { value: plain, reason } = content as { value?: string; reason?: string }
  if (plain === 'NA') return `<span class="na">NA</span> ${escapeHtml(reason ?? '')}`
  if (plain !== undefined && entries.length === 1) return escapeHtml(plain)
  const rows = entries.map(
    ([name, one]) => `<tr><th>${wordsOf(name)}</th><td>${value(one)}</td></tr>`,
  )
  return entries.length === 0 ? 'none' : `<table>${rows.join('')}</table>`
}
