// One schema on both databases: cases open, grow, are decided; servers do not open them twice.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CaseStore, cursorOf, type NewHit } from '../../lib/compliance/case-store.ts'
import { openCaseStore, type StoreOptions } from '../../lib/compliance/index.ts'
import { sqliteDialect } from '../../lib/compliance/sqlite.ts'
import { makeTables, type Tables } from '../../lib/compliance/tables.ts'
import { postgresPrograms, startPostgres } from './databases.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-cases-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const programs = postgresPrograms()

const hit = (rule: string, score = 0.7): NewHit => ({
  rule,
  score,
  regime: 'money_laundering',
  deadlineDays: 30,
  book: 'test-1',
  requestId: `request-${rule}`,
  direction: 'input',
  start: 3,
  end: 9,
  excerpt: '… [PHONE] <b>存款</b> …',
  entries: ['sanctions:x-1'],
  action: 'none',
  textHash: 'ab'.repeat(32),
})
const day = (n: number) => new Date(Date.UTC(2025, 0, n))

/** Writes forty hits, is refused a second store, then ends in the way it is told. */
const killedScript = (path: string): string => `
  import { openCaseStore } from '../../lib/compliance/index.ts'
  const store = await openCaseStore({ sqlite: ${JSON.stringify(path)} })
  const many = Array.from({ length: 40 }, () => (${JSON.stringify(hit('aml.mule'))}))
  await store.addHits('s', many, new Date())
  await openCaseStore({ sqlite: ${JSON.stringify(path)} }).catch(error => console.log(error.code))
  console.log((await store.list())[0].hits)
  if (process.argv[2] !== 'kill') await store.close()
  else {
    // In the middle of a transaction that takes much longer.
    store.addHits('s', Array.from({ length: 100 }, () => many).flat(), new Date())
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 150)
  }
`

function cases(options: () => StoreOptions, manyServers: boolean) {
  let store: CaseStore
  beforeAll(async () => {
    store = await openCaseStore(options())
  })
  afterAll(() => store.close())

  test('a hit opens a case, the next one extends it', async () => {
    const [id] = await store.addHits('subject-1', [hit('aml.mule')], day(1))
    const again = await store.addHits('subject-1', [hit('aml.shell', 0.9)], day(2))
    expect(again).toEqual([id])
    const one = await store.get(id!)
    expect(one).toMatchObject({ hits: 2, score: 0.9, status: 'open', subject: 'subject-1' })
    expect(one!.deadline).toBe(day(31).toISOString())
    expect(one!.hitList.map(h => h.rule)).toEqual(['aml.mule', 'aml.shell'])
    const { regime: _, deadlineDays: __, ...evidence } = hit('aml.mule')
    expect(one!.hitList[0]).toMatchObject(evidence)
  })

  test('a decision needs a reason, closes the case, and the next hit opens another', async () => {
    const [id] = await store.addHits('subject-2', [hit('aml.mule')], day(1))
    const review = { reviewer: 'Li', decision: 'escalated', reason: 'ask the branch' } as const
    await expect(store.review(id!, { ...review, reason: ' ' }, day(2))).rejects.toThrow(/reason/)
    await store.review(id!, review, day(2))
    expect((await store.get(id!))!.status).toBe('open')
    await store.review(id!, { ...review, decision: 'dismissed' }, day(3))
    const closed = (await store.get(id!))!
    expect(closed).toMatchObject({ status: 'dismissed', reviewer: 'Li' })
    expect(closed.reviews.map(r => r.decision)).toEqual(['escalated', 'dismissed'])
    await expect(store.review(id!, review, day(4))).rejects.toMatchObject({
      code: 'invalid_request',
    })
    const [next] = await store.addHits('subject-2', [hit('aml.mule')], day(4))
    expect(next).not.toBe(id)
  })

  test('the queue is in the order of its deadlines', async () => {
    const listed = await store.list({ status: 'open' })
    expect(listed.map(c => c.deadline)).toEqual(listed.map(c => c.deadline).toSorted())
    expect(await store.list({ status: 'dismissed' })).toHaveLength(1)
    expect(await store.list({ regime: 'insider_dealing' })).toEqual([])
    const after = cursorOf(listed[0]!)
    expect(await store.list({ status: 'open', limit: 1, after })).toEqual(listed.slice(1, 2))
    expect(await store.list({ from: day(3), to: day(5) })).toHaveLength(1)
    expect(await store.get("x' or 1=1 --")).toBeUndefined()
  })

  test('windows keep to a subject, a rule and their hours', async () => {
    const add = (subject: string, n: number, amount: number) =>
      store.windows(subject, day(n)).add([{ rule: 'r', kind: 'USD', amount }])
    await add('a', 1, 9000.5)
    await add('b', 2, 1)
    await add('a', 3, 9100)
    const since = (hours: number) => store.windows('a', day(3)).since('r', 'USD', hours)
    expect(await since(72)).toEqual({ count: 2, total: 18_100.5 })
    expect(await since(24)).toEqual({ count: 1, total: 9100 })
    await store.forget(24, day(3))
    expect(await since(72)).toEqual({ count: 1, total: 9100 })
    const none = await store.windows('nobody', day(3)).since('r', 'USD', 72)
    expect(none).toEqual({ count: 0, total: 0 })
  })

  test('a report is about every case, the nearest deadline first', async () => {
    const count = 520
    const all = Array.from({ length: count }, (_, i) => i)
    const insider = { ...hit('mar.tip'), regime: 'insider_dealing' as const }
    for (const i of all) await store.addHits(`many-${i}`, [insider], day(1 + (i % 7)))
    const details = await store.details('insider_dealing')
    expect(new Set(details.map(one => one.subject)).size).toBe(count)
    expect(details.every(one => one.hitList.length === 1 && one.hits === 1)).toBe(true)
    const deadlines = details.map(one => one.deadline)
    expect(deadlines).toEqual(deadlines.toSorted())
    expect(details[0]).toEqual(await store.get(details[0]!.id))
  }, 180_000)

  test('many hits at once open one case', async () => {
    const others = manyServers
      ? await Promise.all([1, 2, 3].map(() => openCaseStore(options())))
      : [store, store, store]
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        others[i % 3]!.addHits('busy', [hit('aml.mule', i / 100)], day(1)),
      ),
    )
    expect(new Set(ids.flat()).size).toBe(1)
    expect(await store.get(ids[0]![0]!)).toMatchObject({ hits: 60, score: 0.59 })
    if (manyServers) await Promise.all(others.map(other => other.close()))
  })
}

describe('SQLite', () => {
  cases(() => ({ sqlite: join(folder, 'cases.db') }), false)

  test('a full disk is told as such; what was there is whole, and room lets it go on', async () => {
    const db = new Kysely<Tables>({ dialect: await sqliteDialect(join(folder, 'full.db')) })
    await makeTables(db)
    const store = new CaseStore(db)
    const grow = (pages: number) => sql.raw(`pragma max_page_count = ${pages}`).execute(db)
    await grow(40)
    const add = (i: number) => store.addHits(`s-${i}`, [hit('aml.mule'), hit('aml.shell')], day(1))
    let kept = 0
    const failed = await (async () => {
      for (; ; kept++) await add(kept)
    })().catch(error => error)
    expect(failed).toMatchObject({ code: 'disk_full' })
    expect(kept).toBeGreaterThan(10)
    await expect(add(kept)).rejects.toMatchObject({ code: 'disk_full' })
    const whole = async (count: number) => {
      const all = await store.details('money_laundering')
      expect(all.map(one => one.hitList.length)).toEqual(Array.from({ length: count }, () => 2))
    }
    await whole(kept)
    await grow(1000)
    await add(kept)
    await whole(kept + 1)
    await store.close()
  })

  test('a file system without room is told as a full disk', async context => {
    const small = mkdtempSync(join(folder, 'small-'))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small])
    context.skip(mounted.status !== 0, 'needs the right to mount a file system of a megabyte')
    try {
      const store = await openCaseStore({ sqlite: join(small, 'cases.db') })
      const fill = async () => {
        for (let i = 0; i < 2000; i++) await store.addHits(`s-${i}`, [hit('aml.mule')], day(1))
      }
      await expect(fill()).rejects.toMatchObject({ code: 'disk_full' })
      await store.close()
    } finally {
      spawnSync('umount', [small])
    }
  })

  test('a second process is refused, and a killed one keeps what was committed and no more', () => {
    const path = join(folder, 'killed.db')
    const script = join(folder, 'killed.mjs')
    buildSync({
      stdin: { contents: killedScript(path), resolveDir: import.meta.dirname, loader: 'ts' },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['pg'],
    })
    // The package with its .wasm file is found from the folder of ours.
    writeFileSync(join(folder, 'package.json'), '{"name":"conclave"}')
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
    const killed = run('kill')
    expect(killed.stdout).toBe('io_error\n40\n')
    expect(killed.signal).toBe('SIGKILL')
    expect(run().stdout).toBe('io_error\n80\n')
  })
})

describe.skipIf(programs === undefined)('PostgreSQL (needs the package postgresql)', () => {
  let server: ReturnType<typeof startPostgres>
  beforeAll(() => {
    server = startPostgres(programs!)
  })
  afterAll(() => server.stop())
  cases(() => ({ postgres: server.url }), true)
})
