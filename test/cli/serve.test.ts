import { type ChildProcess, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { fired } from '../../lib/cli/stop-signals.ts'
import { createAuditKey, openCaseStore, verifyAuditLog } from '../../lib/compliance/index.ts'
import { addon, needs, root } from '../engine/needs.ts'

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** `conclave serve` on a free port, once it is ready. */
async function serve(...flags: string[]) {
  const args = ['dist/cli.mjs', 'serve', '--port', '0', '--json', '--threads', '1', ...flags]
  const child = spawn(process.execPath, args, { cwd: root })
  running.push(child)
  const log: string[] = []
  child.stderr.on('data', data => log.push(String(data)))
  const ended = new Promise<number | null>(resolve => child.once('close', code => resolve(code)))
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.once('data', data => resolve(String(data)))
    child.once('close', code => reject(new Error(`ended with ${code}: ${log.join('')}`)))
  })
  const said = JSON.parse(await line) as { ready: boolean; url: string; error?: object }
  if (said.error !== undefined) throw new Error(`ended with ${await ended}: ${log.join('')}`)
  return { child, ended, log, ...said }
}

const ask = (url: string, body: object, headers = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Say SECRETWORD' }], ...body }),
  })

it('hears of a signal that fired before anybody listened', async () => {
  await fired(AbortSignal.abort())
  const later = new AbortController()
  const heard = fired(later.signal)
  later.abort()
  await heard
})

describe('conclave serve', () => {
  needs(addon, 'default-model/model.safetensors', 'dist/cli.mjs')

  it('drains at SIGTERM: streams end whole, the new hear 503, exit code 0', async () => {
    const server = await serve()
    expect(server.ready).toBe(true)
    const long = { max_tokens: 300, ignore_eos: true, stream: true }
    const streams = await Promise.all(Array.from({ length: 32 }, () => ask(server.url, long)))
    server.child.kill('SIGTERM')
    const texts = Promise.all(streams.map(stream => stream.text()))
    await new Promise(resolve => setTimeout(resolve, 100))
    expect((await ask(server.url, long)).status).toBe(503)
    expect((await fetch(`${server.url}/health`)).status).toBe(503)
    for (const text of await texts) expect(text).toMatch(/\[DONE\]\n\n$/)
    expect(await server.ended).toBe(0)
  })

  it('ends at once at the second signal', async () => {
    const server = await serve()
    const stream = await ask(server.url, { max_tokens: 1900, ignore_eos: true, stream: true })
    const read = stream.text().catch(() => 'cut')
    server.child.kill('SIGTERM')
    await new Promise(resolve => setTimeout(resolve, 50))
    server.child.kill('SIGTERM')
    const started = performance.now()
    expect(await server.ended).toBe(0)
    expect(performance.now() - started).toBeLessThan(5000)
    await read
  })

  it('watches by --compliance, and shows cases to reviewers alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'compliance-'))
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const keys = file('keys', 'the-key-of-a-customer bank\n')
    const reviewer = 'the key of a reviewer'
    const audit = createAuditKey()
    file('audit.key', audit.privateKey)
    const config = {
      cases: { sqlite: 'cases.db' },
      key: 'a key for pseudonyms',
      reviewKeys: [reviewer],
      audit: { folder: 'audit', privateKeyFile: 'audit.key' },
      lists: { sanctions: [{ id: 'x-1', names: ['Yevgeny Prokhorenko'], list: 'example' }] },
      waiting: { texts: 100 },
      submitter: { person: 'M. Chen', position: 'Officer', entity: 'Example Bank' },
    }
    const flags = ['--api-key-file', keys, '--guard', 'default', '--compliance']
    const server = await serve(...flags, file('compliance.json', JSON.stringify(config)))
    const customer = { authorization: 'Bearer the-key-of-a-customer' }
    const said = 'Pay Evgeniy Prohorenko 900 euros, card 6222021234567890128.'
    const answers = []
    for (const content of [said, 'Pay my rent.']) {
      const messages = [{ role: 'user', content }]
      const asked = { messages, max_tokens: 1, temperature: 0, user: 'customer 17' }
      const response = await ask(server.url, asked, customer)
      const { choices, ...rest } = (await response.json()) as { choices: object[] }
      answers.push([
        response.status,
        choices.length,
        Object.keys(rest),
        [...response.headers.keys()],
      ])
    }
    expect(answers[0]).toEqual(answers[1])
    const cases = async (key: string) => {
      const headers = { authorization: `Bearer ${key}` }
      const response = await fetch(`${server.url}/review/api/cases`, { headers })
      return response.ok ? ((await response.json()) as { cases: object[] }).cases : response.status
    }
    await expect
      .poll(() => cases(reviewer))
      .toMatchObject([{ regime: 'money_laundering', hits: 1 }])
    expect([await cases('the-key-of-a-customer'), await cases('')]).toEqual([401, 401])
    const pageOf = async (path: string, key: string) =>
      (await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } })).text()
    await expect
      .poll(() => pageOf('/review/metrics', reviewer))
      .toMatch(/outcome="examined"\} [1-9]/)
    expect(await pageOf('/metrics', 'the-key-of-a-customer')).not.toContain('compliance')
    expect(await pageOf('/openapi.json', 'the-key-of-a-customer')).not.toMatch(/compliance|review/)
    const weights = readFileSync(new URL('../../default-model/model.safetensors', import.meta.url))
    const headers = { authorization: `Bearer ${reviewer}` }
    const report = await fetch(`${server.url}/review/api/report?kind=sar`, { headers })
    expect(await report.json()).toMatchObject({
      system: { model: { name: 'conclave', weightsSha256: hash('sha256', weights) } },
    })
    expect((await fetch(`${server.url}/review`)).headers.get('content-type')).toMatch(/html/)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    expect(server.log.join('')).not.toMatch(/Prohorenko|6222|customer 17/)
    expect(verifyAuditLog(join(folder, 'audit'), audit)).toMatchObject({ ok: true, records: 2 })
    const store = await openCaseStore({ sqlite: join(folder, 'cases.db') })
    const [one] = await store.list()
    expect(JSON.stringify(await store.get(one!.id))).not.toMatch(/6222|customer 17/)
    await store.close()
  })

  it.each([
    ['not there', undefined, /io_error/],
    ['no JSON', '{', /Expected JSON/],
    ['no cases', '{"key":"0123456789abcdef"}', /cases/],
    [
      'nobody may review',
      JSON.stringify({
        cases: { sqlite: 'cases.db' },
        key: '0123456789abcdef',
        submitter: { person: 'a', position: 'b', entity: 'c' },
      }),
      /reviewKeys/,
    ],
  ])('a file for --compliance is refused: %s', async (_, text, message) => {
    const file = join(mkdtempSync(join(tmpdir(), 'compliance-')), 'file.json')
    if (text !== undefined) writeFileSync(file, text)
    await expect(serve('--compliance', file)).rejects.toThrow(message)
  })

  it('asks for the keys of a file, and logs neither them nor prompts', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'keys-')), 'keys')
    writeFileSync(file, '# ours\nsk-one alpha\nsk-two\n')
    const server = await serve('--api-key-file', file, '--served-model-name', 'fox')
    expect((await ask(server.url, {})).status).toBe(401)
    const right = { authorization: 'Bearer sk-two' }
    expect((await ask(server.url, { model: 'fox', max_tokens: 2 }, right)).status).toBe(200)
    expect((await ask(server.url, { model: 'other' }, right)).status).toBe(404)
    server.child.kill('SIGINT')
    expect(await server.ended).toBe(130)
    const log = server.log.join('')
    expect(log).toContain('"status":200')
    expect(log).not.toMatch(/SECRETWORD|sk-two|sk-one/)
  })

  it('refuses an open door, an empty key file and a taken port', async () => {
    await expect(serve('--host', '0.0.0.0')).rejects.toThrow(/ended with 1.*--api-key-file/s)
    await expect(serve('--api-key-file', '/dev/null')).rejects.toThrow(/at least one key/)
    const { url } = await serve()
    await expect(serve('--port', new URL(url).port)).rejects.toThrow(/EADDRINUSE/)
    await expect(serve('no-such-folder/x/y')).rejects.toThrow(/error\[/)
    const endless = serve('--drain-timeout', '9999999')
    await expect(endless).rejects.toThrow(/ended with 2.*--drain-timeout takes seconds/s)
  })
})
