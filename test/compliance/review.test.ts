// The whole way: a message opens a case, a person decides it in a browser, a report comes out.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AuditLog,
  type Compliance,
  createAuditKey,
  createCompliance,
  jsonSchemaOf,
  openAuditLog,
  openCaseStore,
  type Report,
  type ReportKind,
  type ReviewRoutes,
  reviewRoutes,
  verifyAuditLog,
} from '../../lib/compliance/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-review-'))
const { privateKey, publicKey } = createAuditKey()
const key = 'a key of sufficient length'
const lists = {
  restricted: [{ id: 'northwind', name: 'Northwind', tickers: ['NWH'] }],
  sanctions: [{ id: 'x-1', names: ['Yevgeny Prokhorenko'], list: 'example' }],
}
let audit: AuditLog
let compliance: Compliance
let routes: ReviewRoutes

beforeAll(async () => {
  const store = await openCaseStore({ sqlite: join(folder, 'cases.db') })
  audit = await openAuditLog({ folder: join(folder, 'audit'), privateKey })
  compliance = createCompliance({ store, audit, key, lists })
  const submitter = { person: 'M. Chen', position: 'Compliance officer', entity: 'Example Bank' }
  const report = { submitter, engineVersion: '0.1.0', policy: 'default' }
  routes = reviewRoutes({ compliance, keys: [key], report })
})
afterAll(async () => {
  await compliance.store.close()
  await audit.close()
  rmSync(folder, { recursive: true, force: true })
})

const observe = (subject: string, text: string) =>
  compliance.observe({ requestId: 'req-7', subject, direction: 'input', text })
const ask = async (path: string, init: RequestInit = {}, bearer = key) =>
  (await routes(
    new Request(`http://host/review/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${bearer}`, ...(init.headers ?? {}) },
    }),
  ))!

const secretive =
  '<img src=x onerror=alert(1)> Buy Northwind before the announcement and keep it quiet, ' +
  'my card is 6222021234567890128 and my mail anna@example.com.'

describe('bodies and windows', () => {
  test('a body that is too long is left where it is', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 4096
        controller.enqueue(new Uint8Array(4096).fill(32))
      },
    })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    const headers = { 'content-type': 'application/json' }
    const long = await ask('api/cases/x/review', { ...init, headers })
    expect(long.status).toBe(413)
    expect(pulled).toBeLessThan(64 * 1024)
    const said = { method: 'POST', body: ' '.repeat(20_000), headers }
    expect((await ask('api/cases/x/review', said)).status).toBe(413)
  })

  test('hits of one message are appended at the same time, and old sums are forgotten', async () => {
    const appended: string[] = []
    const waiting: (() => void)[] = []
    const slow = {
      append: (_: string, { rule }: { rule: string }) => {
        appended.push(rule)
        return new Promise<void>(resolve => {
          waiting.push(resolve)
        })
      },
    }
    const store = await openCaseStore({ sqlite: join(folder, 'own.db') })
    const own = createCompliance({ store, audit: slow as unknown as AuditLog, key, lists })
    const at = (day: number) => new Date(Date.UTC(2025, 0, day))
    await store.windows('x', at(1)).add([{ rule: 'r', kind: 'k', amount: 1 }])
    const text = `${secretive} Pay Evgeniy Prohorenko 900 euros.`
    const over = own.observe({
      requestId: 'r',
      subject: 'z',
      direction: 'input',
      text,
      at: at(360),
    })
    await expect.poll(() => appended.length).toBeGreaterThan(1)
    for (const resolve of waiting) resolve()
    await over
    const { count } = await store.windows('x', at(2)).since('r', 'k', 100_000)
    expect(count).toBe(0)
    await store.close()
  })
})

describe('cases of messages', () => {
  test('observing answers nothing, and a case holds no match', async () => {
    expect(await observe('Anna Smith', secretive)).toBeUndefined()
    expect(await observe('Ben', 'Pay Evgeniy Prohorenko 900 euros.')).toBeUndefined()
    expect(await observe('Ben', 'Where is the nearest branch?')).toBeUndefined()
    const cases = await compliance.store.list()
    expect(cases.map(one => one.regime).toSorted()).toEqual(['insider_dealing', 'money_laundering'])
    const all = JSON.stringify(await Promise.all(cases.map(one => compliance.store.get(one.id))))
    for (const secret of ['Anna', 'anna@example.com', '622202']) expect(all).not.toContain(secret)
    expect(all).toContain('[EMAIL]')
    expect(all).toContain(compliance.pseudonym('Anna Smith'))
    const log = readFileSync(join(folder, 'audit/segment-000001.jsonl'), 'utf8')
    for (const secret of ['Anna', 'Northwind', 'Prohorenko', '622202'])
      expect(log).not.toContain(secret)
    expect(verifyAuditLog(join(folder, 'audit'), { publicKey }).ok).toBe(true)
  })
})

describe('routes', () => {
  test('data needs the key, and the page holds none', async () => {
    expect((await ask('api/cases', {}, 'another key entirely')).status).toBe(401)
    expect((await routes(new Request('http://host/review/api/cases')))!.status).toBe(401)
    expect(await routes(new Request('http://host/v1/models'))).toBeUndefined()
    const page = await routes(new Request('http://host/review'))
    expect(page!.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await page!.text()).not.toContain('insider_dealing')
    expect(() => reviewRoutes({ compliance, keys: [], report: {} as never })).toThrow(/key/)
  })

  test('what is not known is refused', async () => {
    expect((await ask('api/cases?status=lost')).status).toBe(400)
    expect((await ask('api/cases/none')).status).toBe(404)
    expect((await ask('api/cases/../../etc')).status).toBe(404)
    const post = (body: string) =>
      ask('api/cases/none/review', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      })
    expect((await post('{')).status).toBe(400)
    expect((await post('{"reviewer":"a","decision":"dismissed","reason":"b"}')).status).toBe(400)
    expect((await post('x'.repeat(20_000))).status).toBe(413)
    expect((await ask('api/cases/none/review')).status).toBe(405)
  })
})

const browser = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync)

/** A server of its own for `answer`; on a free port of loopback. */
async function serverOf(answer: () => ReviewRoutes): Promise<Server> {
  const listener = getRequestListener(
    async request => (await answer()(request)) ?? new Response('', { status: 404 }),
  )
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}
const pageOf = (server: Server) =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/review`

describe('many cases', () => {
  const numCases = 260
  let many: Compliance
  let manyRoutes: ReviewRoutes
  beforeAll(async () => {
    const store = await openCaseStore({ sqlite: join(folder, 'many.db') })
    many = createCompliance({ store, key, lists })
    for (let i = 0; i < numCases; i++) {
      const text = 'Pay Evgeniy Prohorenko 900 euros.'
      // Three of a day: their deadlines are equal, and ids decide.
      const at = new Date(Date.UTC(2025, 0, 1 + Math.floor(i / 3)))
      const about = { requestId: 'r', subject: `s${i}`, direction: 'input', text, at } as const
      await many.observe(about)
    }
    manyRoutes = reviewRoutes({ compliance: many, keys: [key], report: {} as never })
  })
  afterAll(() => many.store.close())
  const page = async (query: string) => {
    const url = `http://host/review/api/cases?${query}`
    const headers = { authorization: `Bearer ${key}` }
    const response = (await manyRoutes(new Request(url, { headers })))!
    const body = (await response.json()) as {
      cases: { id: string; deadline: string }[]
      next: string
    }
    return { status: response.status, ...body }
  }

  test.each([1000, 100, 7])('all are listed in pages of %i, each once', async limit => {
    const seen: { id: string; deadline: string }[] = []
    let next: string | null = ''
    while (next !== null) {
      const one = await page(`status=open&limit=${Math.min(limit, 500)}&after=${next}`)
      expect(one.cases.length).toBeLessThanOrEqual(limit)
      seen.push(...one.cases)
      next = one.next
    }
    expect(new Set(seen.map(one => one.id)).size).toBe(numCases)
    expect(seen.length).toBe(numCases)
    expect(seen.map(one => one.deadline)).toEqual(seen.map(one => one.deadline).toSorted())
  })

  test.skipIf(browser === undefined)(
    'the page shows them all, More by More',
    async () => {
      const server = await serverOf(() => manyRoutes)
      const opened = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] })
      try {
        const page = await opened.newPage()
        await page.goto(pageOf(server))
        await page.fill('#key', key)
        await page.fill('#reviewer', 'M. Chen')
        await page.click('#key-form button')
        for (const count of [100, 200]) {
          await page.waitForSelector(`text=${count} cases so far`)
          await page.click('#more')
        }
        await page.waitForSelector(`text=${numCases} cases`)
        expect(await page.locator('#queue [data-id]').count()).toBe(numCases)
        expect(await page.locator('#more').count()).toBe(0)
      } finally {
        await opened.close()
        server.close()
      }
    },
    120_000,
  )

  test('a decision between two pages leaves out none of the others', async () => {
    const first = await page('status=open&limit=100')
    const decided = first.cases[50]!.id
    await many.review(decided, { reviewer: 'a', decision: 'dismissed', reason: 'b' })
    const second = await page(`status=open&limit=500&after=${first.next}`)
    expect([first.cases.length, second.cases.length, second.next]).toEqual([100, 160, null])
  })

  test.each([
    'limit=0',
    'limit=501',
    'limit=x',
    'after=x',
    'after=2025_1',
    `after=${'1'.repeat(200)}`,
  ])('%s is refused', async query => {
    expect((await page(query)).status).toBe(400)
  })
})

describe('reports', () => {
  const kinds: ReportKind[] = ['stor', 'sar', 'pboc']

  test.each(kinds)('%s follows its published schema', async kind => {
    const published = JSON.parse(readFileSync(`schemas/report-${kind}.json`, 'utf8'))
    expect(published).toEqual(JSON.parse(JSON.stringify(jsonSchemaOf(kind))))
    const answer = await ask(`api/report?kind=${kind}`)
    const report = (await answer.json()) as Report
    const ajv = new Ajv2020({ strict: true })
    ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
    const validate = ajv.compile(published)
    expect(validate(report) || validate.errors).toBe(true)
    expect(report).toMatchObject({ totals: { cases: 1, hits: expect.any(Number) } })
    expect(report.notice).toMatch(/A person examines it, decides, .* and files it/)
    expect(report.system.auditHead?.seq).toBeGreaterThan(0)
    expect(validate({ ...report, notice: 'Filed.' })).toBe(false)
  })

  test.each(kinds)('%s prints, and markup in evidence stays text', async kind => {
    const page = await (await ask(`api/report?kind=${kind}&format=html`)).text()
    expect(page).toContain('A person examines it, decides')
    expect(page).not.toMatch(/<img|<script/)
    expect(page).toMatch(/<th>(?:insider|aml)\.[a-z_]+<\/th>/)
    if (kind === 'stor') expect(page).toContain('&lt;img src=x')
  })
})

describe.skipIf(browser === undefined)('in a browser (needs Chromium)', () => {
  let server: Server
  beforeAll(async () => {
    server = await serverOf(() => routes)
  })
  afterAll(() => void server.close())

  test('the queue, the evidence, a decision with a reason, an export', async () => {
    const opened = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] })
    try {
      const page = await opened.newPage({ viewport: { width: 1200, height: 800 } })
      const faults: string[] = []
      page.on('console', line => line.type() === 'error' && faults.push(line.text()))
      page.on('pageerror', error => faults.push(error.message))
      page.on('dialog', dialog => faults.push(dialog.message()))
      await page.goto(pageOf(server))
      await page.fill('#key', key)
      await page.fill('#reviewer', 'M. Chen')
      await page.click('#key-form button')
      await page.click('#queue button:has-text("insider dealing")')
      await page.waitForSelector('blockquote')
      const quote = await page.textContent('blockquote')
      expect(quote).toContain('<img src=x onerror=alert(1)> Buy Northwind')
      expect(quote).toContain('[BANK_CARD]')
      if (process.env.CONCLAVE_SCREENSHOTS) await page.screenshot({ path: 'docs/review-page.png' })
      await page.selectOption('#decide select', 'reported')
      await page.fill('#decide textarea', 'He names a source on the board.')
      await page.click('#decide button')
      await page.waitForSelector('text=M. Chen · reported: He names a source on the board.')
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.click('#export-html'),
      ])
      expect(readFileSync(await download.path(), 'utf8')).toContain('He names a source')
      await page.fill('#key', 'not the key at all')
      await page.click('#key-form button')
      await page.waitForSelector('text=Give the key as a bearer token.')
      expect(faults.filter(fault => !fault.includes('401'))).toEqual([])
    } finally {
      await opened.close()
    }
    const [one] = await compliance.store.list({ status: 'reported' })
    expect(one).toMatchObject({ reviewer: 'M. Chen', regime: 'insider_dealing' })
  }, 120_000)
})
