// What `npm run gpu` reads of the programs' answers, and the page that it writes.

/** nvidia-smi's line: name, compute capability, driver. Throws where it is none. */
export function parseCard(text) {
  const found = /^(.+), (\d+)\.(\d+), ([\d.]+)$/m.exec(text.trim())
  if (found === null)
    throw new Error(`Expected 'name, 9.0, driver' of nvidia-smi, but got '${text}'.`)
  const [, name, major, minor, driver] = found
  // Kernels of Hopper need code of their own.
  const arch = `${major}${minor}` === '90' ? '90a' : `${major}${minor}`
  return { name, capability: `${major}.${minor}`, driver, arch }
}

/** The closing line of a test program, or undefined. */
export function parseTotals(text) {
  const found = /(\d+) passed, (\d+) failed\b[^\n]*\s*$/.exec(text)
  return found === null ? undefined : { passed: Number(found[1]), failed: Number(found[2]) }
}

/** One row of the table from `conclave bench --json`. */
export function benchRow({ weights, deterministic, report }) {
  const { prefill, decode, load } = report
  const gigabytes = (decode.tokensPerSecond * decode.bytesPerToken) / 1e9
  return [
    weights,
    deterministic ? 'yes' : 'no',
    String(decode.batch),
    (load.ms / 1000).toFixed(2),
    prefill.tokensPerSecond.toFixed(0),
    decode.tokensPerSecond.toFixed(1),
    gigabytes.toFixed(1),
  ]
}

const columns = ['weights', 'deterministic', 'batch', 'load s', 'prefill tokens/s']
const decodeColumns = ['decode tokens/s', 'decode GB/s']

/** Markdown for bench/README.md. */
export function report(card, date, lines, rows) {
  const header = [...columns, ...decodeColumns]
  const row = cells => `| ${cells.join(' | ')} |`
  return [
    `## ${card.name}, compute capability ${card.capability}, driver ${card.driver} (${date}, \`npm run gpu\`)`,
    '',
    ...lines.map(line => `- ${line}`),
    '',
    ...(rows.length === 0 ? [] : [row(header), row(header.map(() => '---')), ...rows.map(row)]),
    '',
  ].join('\n')
}
