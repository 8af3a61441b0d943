// What waits to be examined is bounded, and no text goes unexamined without a word.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type AuditLog,
  type CaseStore,
  createAuditKey,
  createCompliance,
  openAuditLog,
  openCaseStore,
  reviewRoutes,
  verifyAuditLog,
  type WaitingBounds,
} from '../../lib/compliance/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-waiting-'))
const { privateKey, publicKey } = createAuditKey()
const key = 'a key of sufficient length'
const lists = { restricted: [{ id: 'northwind', name: 'Northwind' }] }
const said = 'Buy Northwind before the announcement and keep it quiet.'
let store: CaseStore
let audit: AuditLog

beforeAll(async () => {
  store = await openCaseStore({ sqlite: join(folder, 'cases.db') })
  audit = await openAuditLog({ folder: join(folder, 'audit'), privateKey })
})
afterAll(async () => {
  await store.close()
  await audit.close()
  rmSync(folder, { recursive: true, force: true })
})

const watch = (waiting: WaitingBounds, parts: object = {}) => {
  const compliance = createCompliance({ store, audit, key, lists, waiting, ...parts })
  const observe = (requestId: string, text: string) =>
    compliance
      .observe({ requestId, subject: `customer of ${requestId}`, direction: 'input', text })
      .then(
        () => 'examined',
        ({ code, details }) => `${code}, ${details.recorded ? 'recorded' : 'not recorded'}`,
      )
  return { compliance, observe }
}
/** The `unexamined` records of the audit log by request. */
const unexamined = () =>
  new Map(
    readFileSync(join(folder, 'audit/segment-000001.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .filter(one => one.kind === 'unexamined')
      .map(({ data }) => [data.request as string, data]),
  )

test('texts beyond the bound of their number are recorded, all others examined', async () => {
  const { compliance, observe } = watch({ texts: 3 })
  const asked = Array.from({ length: 8 }, (_, i) => observe(`n-${i}`, said))
  expect(compliance.counts()).toMatchObject({ waiting: 3 })
  const outcomes = await Promise.all(asked)
  expect(outcomes.slice(0, 3)).toEqual(['examined', 'examined', 'examined'])
  expect(new Set(outcomes.slice(3))).toEqual(new Set(['overloaded, recorded']))
  expect(compliance.counts()).toEqual({ examined: 3, unexamined: 5, waiting: 0 })
  const records = unexamined()
  expect([...records.keys()]).toEqual(['n-3', 'n-4', 'n-5', 'n-6', 'n-7'])
  expect(records.get('n-4')).toEqual({
    request: 'n-4',
    subject: compliance.pseudonym('customer of n-4'),
    direction: 'input',
    characters: said.length,
    reason: 'overloaded',
    text: records.get('n-3')!.text,
  })
  // There is room again.
  expect(await observe('n-8', said)).toBe('examined')
  const found = await store.details('insider_dealing')
  const requests = found.flatMap(one => one.hitList.map(hit => hit.requestId))
  expect(new Set(requests)).toEqual(new Set(['n-0', 'n-1', 'n-2', 'n-8']))
})

test('texts beyond the bound of their length too; one alone has room', async () => {
  const { observe } = watch({ characters: 1000 })
  const long = `${said} ${'x '.repeat(1000)}`
  expect(await observe('alone', long)).toBe('examined')
  const asked = [observe('l-0', said), observe('l-1', long), observe('l-2', said)]
  expect(await Promise.all(asked)).toEqual(['examined', 'overloaded, recorded', 'examined'])
  expect(unexamined().get('l-1')!.characters).toBe(long.length)
})

test('what the store refuses is recorded, and those behind it are examined', async () => {
  const refusing = { windows: store.windows.bind(store), forget: store.forget.bind(store) }
  const addHits = async (subject: string, ...rest: [never, never]) => {
    if (subject === failing.pseudonym('customer of f-0')) throw new Error('no such table')
    return store.addHits(subject, ...rest)
  }
  const { compliance: failing, observe } = watch({}, { store: { ...refusing, addHits } })
  const outcomes = await Promise.all([observe('f-0', said), observe('f-1', said)])
  expect(outcomes).toEqual(['io_error, recorded', 'examined'])
  expect(unexamined().get('f-0')!.reason).toBe('io_error')
  expect(failing.counts()).toEqual({ examined: 1, unexamined: 1, waiting: 0 })
})

test('the error says so where nothing could be recorded', async () => {
  const full = { append: () => Promise.reject(new Error('full')) }
  for (const audit of [undefined, full]) {
    const { observe } = watch({ texts: 1 }, { audit })
    const asked = [observe('a', 'nothing to see'), observe('b', said)]
    expect(await Promise.all(asked)).toEqual(['examined', 'overloaded, not recorded'])
  }
})

test('reviewers see the counts, and the log holds', async () => {
  const { compliance, observe } = watch({ texts: 1 })
  await Promise.all([observe('c-0', said), observe('c-1', said)])
  const routes = reviewRoutes({ compliance, keys: [key], report: {} as never })
  const ask = async (path: string, bearer: string) => {
    const headers = { authorization: `Bearer ${bearer}` }
    return (await routes(new Request(`http://host/review/${path}`, { headers })))!
  }
  const queue = (await (await ask('api/cases', key)).json()) as { texts: object }
  expect(queue.texts).toEqual({ examined: 1, unexamined: 1, waiting: 0 })
  const metrics = await (await ask('metrics', key)).text()
  expect(metrics).toContain('conclave:compliance_texts_total{outcome="unexamined"} 1\n')
  expect((await ask('metrics', 'the key of a customer')).status).toBe(401)
  expect(verifyAuditLog(join(folder, 'audit'), { publicKey }).ok).toBe(true)
})

test.each([{ texts: 0 }, { characters: 1.5 }, { text: 1 }])('%j is refused', waiting => {
  expect(() => watch(waiting as WaitingBounds)).toThrow(/bounds of what waits/)
})
