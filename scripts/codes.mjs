// Every error code that is thrown stands in the table of lib/errors.ts, and the table in docs/errors.md.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const table = /^ {2}(\w+): \{\s*retryable: (true|false),\s*meaning:\s*'([^']*)',?\s*\}/gm
const row = /^\| `(\w+)` \| (yes|no) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm
/** Where code throws: C++ `Error("…", …)`, `CodedMessage{"…", …}` and its braces; TypeScript's one class. */
const thrown = {
  native: /(?:\bError\(\s*|CodedMessage\{\s*|\berror = \{\s*|return \{(?="\w+_))"([a-z_]+)"\s*,/g,
  lib: /new ConclaveError\(\s*'([a-z_]+)'/g,
}
/** C++ whose code is not a literal, which no reader could check. */
const computed = /throw (?:\w+::)*Error\((?!\s*"[a-z_]+",)/g

/** Sentences about codes that are thrown, tabled and explained in different words. */
export function checkCodes(root, files) {
  const read = file => readFileSync(join(root, file), 'utf8')
  const codes = new Map()
  for (const [, code, retryable, meaning] of read('lib/errors.ts').matchAll(table))
    codes.set(code, { retryable: retryable === 'true' ? 'yes' : 'no', meaning })
  const found = []
  for (const file of files.filter(f => /^(native|lib)\/.*\.(ts|h|cc|cu|cuh)$/.test(f))) {
    const text = read(file)
    const room = file.split('/')[0]
    for (const [, code] of text.matchAll(thrown[room]))
      if (!codes.has(code)) found.push(`${file} throws ${code}, which is not in lib/errors.ts`)
    if (room === 'native')
      for (const [call] of text.matchAll(computed))
        found.push(`${file}: expected a code in quotes after ${call}`)
  }
  return [...found, ...pageProblems(codes, existsSync(join(root, page)) ? read(page) : '')]
}

const page = 'docs/errors.md'

function pageProblems(codes, text) {
  const found = []
  const rows = new Map([...text.matchAll(row)].map(([, code, ...cells]) => [code, cells]))
  for (const [code, { retryable, meaning }] of codes) {
    const cells = rows.get(code)
    if (cells === undefined) found.push(`${page} has no row for ${code}`)
    else if (cells[0] !== retryable || cells[1] !== meaning)
      found.push(
        `${page}: the row of ${code} differs from lib/errors.ts (${retryable}, ${meaning})`,
      )
  }
  for (const code of rows.keys())
    if (!codes.has(code)) found.push(`${page} explains ${code}, which is not in lib/errors.ts`)
  return found
}
