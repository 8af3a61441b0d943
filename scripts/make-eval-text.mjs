// Gathers English documentation that this machine already has into one text for `conclave eval`:
//   node scripts/make-eval-text.mjs FILE [CHARACTERS]
// Licences, the pages of Perl and the READMEs of packages. Nothing is downloaded, and nothing of it is
// part of this repository; the text differs from machine to machine, so figures name its hash.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sources = [
  ['/usr/share/common-licenses', /./],
  ['/usr/share/perl', /\.pod$/],
  ['/usr/share/doc', /^README(\.(txt|md|Debian))?$|^NEWS$|\.txt$/],
]
const [target, characters = '400000'] = process.argv.slice(2)
if (target === undefined || !/^\d+$/.test(characters)) {
  console.error('Usage: node scripts/make-eval-text.mjs FILE [CHARACTERS]')
  process.exit(2)
}

function* filesOf(folder, pattern) {
  if (!existsSync(folder)) return
  const entries = readdirSync(folder, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesOf(path, pattern)
    else if (entry.isFile() && pattern.test(entry.name)) yield path
  }
}

/** Prose: mostly letters and spaces, of a length that says something. */
function isProse(text) {
  const letters = text.replace(/[^A-Za-z ]/g, '').length
  return text.length > 500 && letters / text.length > 0.75
}

/** At most so much of one file, so that no licence is most of the text. */
const share = Math.max(500, Number(characters) / 20)
const parts = []
const seen = new Set()
let length = 0
for (const [folder, pattern] of sources) {
  for (const path of filesOf(folder, pattern)) {
    if (length >= Number(characters)) break
    const real = realpathSync(path)
    const text = readFileSync(real, 'utf8').slice(0, share).replaceAll('\ufffd', '')
    if (seen.has(text) || !isProse(text)) continue
    seen.add(text)
    parts.push(text.trim())
    length += text.length
  }
}
const text = `${parts.join('\n\n').slice(0, Number(characters))}\n`
writeFileSync(target, text)
const hash = createHash('sha256').update(text).digest('hex')
console.log(`${parts.length} files, ${text.length} characters, sha256 ${hash}`)
