// An audit log survives failing disks and killed processes, and shows every tampering.
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuditFiles, diskFiles } from '../../lib/compliance/audit-files.ts'
import { createAuditKey, openAuditLog, verifyAuditLog } from '../../lib/compliance/index.ts'

const root = mkdtempSync(join(tmpdir(), 'conclave-audit-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const { privateKey, publicKey } = createAuditKey()
const check = (folder: string) => verifyAuditLog(folder, { publicKey })
const open = (folder: string, files?: AuditFiles) =>
  openAuditLog({ folder, privateKey, recordsPerSegment: 3, ...(files ? { files } : {}) })

const sample = join(root, 'sample')
const records = 8
beforeAll(async () => {
  const log = await open(sample)
  for (let i = 1; i <= records; i++) await log.append('hit', { case: `c-${i}`, note: 'né' })
  await log.close()
})

/** The sample's folder with `change` made to it. */
function tampered(change: (folder: string) => void) {
  const folder = mkdtempSync(join(root, 'tampered-'))
  cpSync(sample, folder, { recursive: true })
  change(folder)
  const report = check(folder)
  rmSync(folder, { recursive: true })
  return report
}
const segments = ['segment-000001.jsonl', 'segment-000002.jsonl', 'segment-000003.jsonl']
const linesOf = (file: string) => readFileSync(join(sample, file), 'utf8').split('\n').slice(0, -1)
const write = (folder: string, file: string, lines: string[]) =>
  writeFileSync(join(folder, file), lines.map(line => `${line}\n`).join(''))

describe('tampering', () => {
  test('a log that is not there is said to be unreadable', () => {
    expect(() => verifyAuditLog(join(sample, 'nowhere'))).toThrow(/Expected to read the audit log/)
  })

  test('the sample itself is whole', () => {
    expect(check(sample)).toMatchObject({ ok: true, records, segments: 3, problems: [] })
    expect(verifyAuditLog(sample).ok).toBe(true)
  })

  test.each([...segments, 'head.json'])('a bit, and all bits, of each byte of %s', file => {
    const path = join(sample, file)
    const bytes = readFileSync(path)
    const passed: string[] = []
    try {
      for (let i = 0; i < bytes.length; i++) {
        for (const mask of [1 << (i % 8), 0xff]) {
          const changed = Buffer.from(bytes)
          changed[i]! ^= mask
          writeFileSync(path, changed)
          if (check(sample).ok) passed.push(`byte ${i} ^ ${mask}`)
        }
      }
    } finally {
      writeFileSync(path, bytes)
    }
    expect(passed).toEqual([])
    expect(check(sample).ok).toBe(true)
  })

  const places = segments.flatMap(file =>
    (file === segments[2] ? [0, 1, 2] : [0, 1, 2, 3]).map(i => ({ file, i })),
  )

  test.each(places)('line $i of $file is dropped', ({ file, i }) => {
    const lines = linesOf(file)
    const [dropped] = lines.splice(i, 1)
    const { ok, problems } = tampered(folder => write(folder, file, lines))
    expect(ok).toBe(false)
    const { seq } = JSON.parse(dropped!)
    const what = file === segments[2] ? /bytes; \d+ were signed/ : /seal .* is missing/
    if (seq === undefined) expect(problems[0]!.message).toMatch(what)
    else expect(problems).toContainEqual(expect.objectContaining({ problem: 'removed', seq }))
  })

  test.each(places)('line $i of $file is swapped with the next', ({ file, i }) => {
    const lines = linesOf(file)
    if (i + 1 === lines.length) return expect(i).toBe(lines.length - 1)
    lines.splice(i, 2, lines[i + 1]!, lines[i]!)
    const { ok, problems } = tampered(folder => write(folder, file, lines))
    expect(ok).toBe(false)
    const { seq } = JSON.parse(lines[i + 1]!)
    const wanted = lines[i]!.startsWith('{"seal"') ? 'added' : 'reordered'
    expect(problems).toContainEqual(
      expect.objectContaining({ problem: wanted, ...(wanted === 'added' ? {} : { seq }) }),
    )
  })

  test('any two lines, of one segment or of two, are swapped', () => {
    const lineAt = ({ file, i }: (typeof places)[number]) => linesOf(file)[i]!
    const passed: string[] = []
    for (const [k, a] of places.entries())
      for (const b of places.slice(k + 1)) {
        const { ok } = tampered(folder => {
          for (const [to, line] of [
            [a, lineAt(b)],
            [b, lineAt(a)],
          ] as const) {
            const path = join(folder, to.file)
            const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
            write(folder, to.file, lines.with(to.i, line))
          }
        })
        if (ok) passed.push(`${a.file} ${a.i}, ${b.file} ${b.i}`)
      }
    expect(passed).toEqual([])
  })

  test.each(places)('line $i of $file is cut, and nothing follows', ({ file, i }) => {
    const lines = linesOf(file)
    const text = lines
      .slice(0, i)
      .map(line => `${line}\n`)
      .join('')
    for (const rest of ['', lines[i]!.slice(0, 40), lines[i]!])
      expect(tampered(folder => writeFileSync(join(folder, file), text + rest)).ok).toBe(false)
  })

  test.each(segments)('%s is removed', file => {
    const { problems } = tampered(folder => rmSync(join(folder, file)))
    const seq = JSON.parse(linesOf(file)[0]!).seq
    expect(problems).toContainEqual(expect.objectContaining({ problem: 'removed', seq }))
  })

  test('a record is rewritten with a right hash', async () => {
    const { makeRecord } = await import('../../lib/compliance/audit-record.ts')
    const lines = linesOf(segments[0]!)
    const { seq, at, kind, data, prev } = JSON.parse(lines[1]!)
    lines[1] = JSON.stringify(makeRecord(seq, at, kind, { ...data, note: 'other' }, prev))
    const { problems } = tampered(folder => write(folder, segments[0]!, lines))
    expect(problems[0]).toMatchObject({ problem: 'changed', seq: 2 })
  })

  test('a byte that is no text is found, though it reads as the one that was there', async () => {
    const folder = join(root, 'bytes')
    const log = await open(folder)
    for (let n = 0; n < 4; n++) await log.append('hit', { note: '\ufffd' })
    await log.close()
    expect(check(folder).ok).toBe(true)
    const path = join(folder, segments[0]!)
    const hex = readFileSync(path).toString('hex').replace('efbfbd', 'ff')
    writeFileSync(path, Buffer.from(hex, 'hex'))
    expect(check(folder).problems[0]).toMatchObject({ problem: 'changed', file: segments[0] })
  })

  test('the log is written anew with another key', async () => {
    const folder = join(root, 'forged')
    const log = await openAuditLog({ folder, privateKey: createAuditKey().privateKey })
    await log.append('hit', { case: 'c-1' })
    await log.close()
    expect(verifyAuditLog(folder).ok).toBe(true)
    expect(check(folder).problems.map(one => one.problem)).toContain('signature')
  })

  test('a whole older copy is found by a head that was noted', async () => {
    const folder = join(root, 'older')
    const log = await open(folder)
    await log.append('hit', { n: 1 })
    const copy = `${folder}-copy`
    cpSync(folder, copy, { recursive: true })
    await log.append('hit', { n: 2 })
    const noted = log.head
    await log.close()
    expect(check(copy).ok).toBe(true)
    expect(verifyAuditLog(copy, { publicKey, head: noted }).ok).toBe(false)
    expect(verifyAuditLog(folder, { publicKey, head: noted }).ok).toBe(true)
  })
})

/** Files of which one operation fails, before, in the middle or after its work. */
function failing(at: number, code: string, how: 'before' | 'short' | 'after') {
  let count = 0
  // Node has no name for a quota that is used up.
  const error = () =>
    code === 'EDQUOT'
      ? Object.assign(new Error('Unknown system error -122'), {
          code: 'Unknown system error -122',
          errno: -constants.errno.EDQUOT,
        })
      : Object.assign(new Error(code), { code })
  const once = async (work: (share: number) => Promise<void>) => {
    if (++count !== at) return work(1)
    if (how === 'short') await work(0.5)
    if (how === 'after') await work(1)
    throw error()
  }
  const part = (bytes: Uint8Array, share: number) =>
    bytes.subarray(0, Math.floor(bytes.length * share))
  const files: AuditFiles = {
    read: path => diskFiles.read(path),
    remove: path => diskFiles.remove(path),
    write: (path, offset, bytes) =>
      once(share => diskFiles.write(path, offset, part(bytes, share))),
    // A replacement is whole or not there.
    replace: (path, bytes) =>
      once(share => (share === 1 ? diskFiles.replace(path, bytes) : Promise.resolve())),
  }
  return { files, count: () => count }
}

describe('failing disks', () => {
  const codes = [
    ['ENOSPC', 'disk_full'],
    ['EDQUOT', 'disk_full'],
    ['EIO', 'io_error'],
  ] as const
  const ways = ['before', 'short', 'after'] as const
  const all = codes.flatMap(([system, code], i) =>
    ways.slice(0, i === 0 ? 3 : 1).map(how => ({ system, code, how })),
  )

  test.each(all)('$system at each operation, $how its work', async ({ system, code, how }) => {
    // The key and the first head come before.
    for (let at = 3; ; at++) {
      const folder = mkdtempSync(join(root, 'full-'))
      const { files, count } = failing(at, system, how)
      const log = await open(folder, files)
      let confirmed = 0
      let failed = 0
      for (let i = 0; i < 6; i++)
        await log.append('hit', { i }).then(
          () => confirmed++,
          error => {
            expect(error.code).toBe(code)
            failed++
          },
        )
      await log.close().catch(error => {
        expect(error.code).toBe(code)
        failed++
      })
      const again = await open(folder)
      await again.append('hit', { i: 'again' })
      await again.close()
      const { ok, records: kept, problems } = check(folder)
      expect(problems).toEqual([])
      expect(ok).toBe(true)
      // What was confirmed is there, once, and nothing else.
      const text = readdirSync(folder)
        .filter(name => name.startsWith('segment'))
        .map(name => readFileSync(join(folder, name), 'utf8'))
        .join('')
      expect(text.match(/"data":\{"i":\d\}/g)).toHaveLength(confirmed)
      expect(kept).toBeGreaterThanOrEqual(confirmed + 1)
      rmSync(folder, { recursive: true })
      if (count() < at) return expect(failed).toBe(0)
      expect(failed).toBe(1)
    }
  })

  test('what was written and not confirmed is set aside', async () => {
    const folder = join(root, 'torn')
    const log = await open(folder)
    await log.append('hit', { n: 1 })
    await log.close()
    appendFileSync(join(folder, segments[0]!), '{"seq":2,"at":"2025')
    expect(check(folder).ok).toBe(false)
    const again = await open(folder)
    expect(again.head.seq).toBe(2)
    await again.close()
    expect(check(folder)).toMatchObject({ ok: true, records: 2 })
    expect(readFileSync(join(folder, 'unconfirmed-after-1'), 'utf8')).toBe('{"seq":2,"at":"2025')
  })

  test('what one crash left is kept when another leaves more behind the same record', async () => {
    const folder = join(root, 'twice')
    const log = await open(folder)
    await log.append('hit', { n: 1 })
    await log.close()
    const path = join(folder, segments[0]!)
    const whole = readFileSync(path)
    for (const rest of ['one', 'another', 'another', 'a third']) {
      writeFileSync(path, Buffer.concat([whole, Buffer.from(rest)]))
      // A disk that takes nothing more once the rest is aside: the log stays where it was.
      const full: AuditFiles = {
        ...diskFiles,
        write: (file, offset, bytes) =>
          bytes.length > 0
            ? Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' }))
            : diskFiles.write(file, offset, bytes),
      }
      await expect(open(folder, full)).rejects.toMatchObject({ code: 'disk_full' })
    }
    const aside = readdirSync(folder).filter(name => name.startsWith('unconfirmed'))
    const kept = aside.map(name => [name, readFileSync(join(folder, name), 'utf8')])
    expect(kept).toEqual([
      ['unconfirmed-after-1', 'one'],
      ['unconfirmed-after-1-2', 'another'],
      ['unconfirmed-after-1-3', 'a third'],
    ])
  })

  test('a head that is neither confirmed nor taken back is said to be unknown', async () => {
    const folder = join(root, 'unknown')
    let broken = false
    const files: AuditFiles = {
      ...diskFiles,
      replace: async (path, bytes) => {
        if (!broken || readFileSync(path).equals(bytes)) return diskFiles.replace(path, bytes)
        await diskFiles.replace(path, bytes)
        files.replace = () => Promise.reject(Object.assign(new Error(), { code: 'EIO' }))
        throw Object.assign(new Error(), { code: 'EIO' })
      },
    }
    const log = await open(folder, files)
    await log.append('hit', { n: 1 })
    broken = true
    const unknown = { code: 'io_error', details: { unknown: true } }
    await expect(log.append('hit', { n: 2 })).rejects.toMatchObject(unknown)
    await expect(log.append('hit', { n: 3 })).rejects.toMatchObject(unknown)
    await log.close()
    const again = await open(folder)
    expect(again.head.seq).toBe(2)
    await again.close()
    expect(check(folder)).toMatchObject({ ok: true, records: 2 })
  })

  test('a log without its head is not begun anew', async () => {
    const folder = join(root, 'headless')
    const log = await open(folder)
    await log.append('hit', { n: 1 })
    await log.close()
    rmSync(join(folder, 'head.json'))
    await expect(open(folder)).rejects.toMatchObject({ code: 'tampered' })
    expect(check(folder).ok).toBe(false)
    expect(readFileSync(join(folder, segments[0]!), 'utf8')).toContain('"n":1')
  })

  test('closing seals the segment', async () => {
    const folder = join(root, 'sealed')
    for (const n of [1, 2]) {
      const log = await open(folder)
      await log.append('hit', { n })
      await log.close()
    }
    const last = (name: string) =>
      JSON.parse(readFileSync(join(folder, name), 'utf8').trim().split('\n').at(-1)!)
    expect([last(segments[0]!), last(segments[1]!)]).toMatchObject([
      { seal: 1, first: 1, last: 1 },
      { seal: 2, first: 2, last: 2 },
    ])
    const unused = await open(folder)
    await unused.close()
    expect(check(folder)).toMatchObject({ ok: true, records: 2, segments: 2 })
  })

  test('a log that is shorter than its head is not continued', async () => {
    const folder = join(root, 'shorter')
    cpSync(sample, folder, { recursive: true })
    write(folder, segments[2]!, linesOf(segments[2]!).slice(0, 1))
    await expect(open(folder)).rejects.toMatchObject({ code: 'tampered' })
    cpSync(join(sample, 'head.json'), join(folder, 'head.json'))
    write(folder, segments[2]!, linesOf(segments[2]!))
    await expect(
      openAuditLog({ folder, privateKey: createAuditKey().privateKey }),
    ).rejects.toMatchObject({ code: 'tampered' })
  })
})

test('a process that is killed at any moment loses nothing that was confirmed', async () => {
  const script = join(root, 'killed.mjs')
  const library = join(import.meta.dirname, '../../lib/compliance/audit-log.ts')
  buildSync({
    stdin: {
      contents: `import { openAuditLog } from ${JSON.stringify(library)}
        const log = await openAuditLog({ folder: process.argv[2], privateKey: process.argv[3], recordsPerSegment: 3 })
        for (let i = 0; ; i++) {
          const { seq } = await log.append('hit', { i })
          process.stdout.write(seq + '\\n')
        }`,
      resolveDir: import.meta.dirname,
    },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
  const folder = join(root, 'killed')
  let confirmed = 0
  for (let round = 0; round < 20; round++) {
    const child = spawn(process.execPath, [script, folder, privateKey], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>(resolve => {
      let waits = false
      child.stdout.on('data', (bytes: Buffer) => {
        const last = bytes.toString().trim().split('\n').at(-1)
        confirmed = Math.max(confirmed, Number(last))
        if (!waits) setTimeout(() => child.kill('SIGKILL'), 1 + ((round * 7) % 23))
        waits = true
      })
      child.on('close', () => resolve())
    })
    const log = await open(folder)
    expect(log.head.seq).toBeGreaterThanOrEqual(confirmed)
    await log.close()
    expect(check(folder).problems).toEqual([])
  }
})

test('appends at the same time share a sync and keep their order', async () => {
  const folder = join(root, 'many')
  const log = await openAuditLog({ folder, privateKey })
  const made = await Promise.all(Array.from({ length: 500 }, (_, i) => log.append('hit', { i })))
  expect(made.map(record => record.seq)).toEqual(made.map((_, i) => i + 1))
  await log.close()
  await expect(log.append('hit', {})).rejects.toMatchObject({ code: 'disposed' })
  expect(check(folder)).toMatchObject({ ok: true, records: 500 })
})
