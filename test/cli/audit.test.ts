import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openAuditLog } from '../../lib/compliance/index.ts'
import { needs } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { runCli } from './run-cli.ts'

describe('audit', () => {
  needs('dist/cli.mjs')

  it('makes a key, finds a log whole, and names a record that was changed', async () => {
    const key = join(makeFolder(), 'key.pem')
    expect((await runCli(['audit', 'key', key])).code).toBe(0)
    expect((await runCli(['audit', 'key', key])).code).toBe(1)
    const folder = makeFolder()
    const log = await openAuditLog({ folder, privateKey: readFileSync(key, 'utf8') })
    for (const n of [1, 2, 3]) await log.append('hit', { n })
    const noted = `${log.head.seq}:${log.head.hash}`
    await log.close()

    const verify = (...flags: string[]) =>
      runCli(['audit', 'verify', folder, '--public-key', `${key}.pub`, ...flags])
    const whole = await verify('--head', noted, '--json')
    expect(whole.code).toBe(0)
    expect(JSON.parse(whole.stdout)).toMatchObject({ ok: true, records: 3, problems: [] })

    const segment = join(folder, 'segment-000001.jsonl')
    writeFileSync(segment, readFileSync(segment, 'utf8').replace('{"n":2}', '{"n":9}'))
    const changed = await verify()
    expect(changed.code).toBe(1)
    expect(changed.stdout).toContain('changed: Record 2 was changed (segment-000001.jsonl, line 2)')
    expect(JSON.parse((await verify('--json')).stdout).ok).toBe(false)
    expect((await runCli(['audit', 'verify', join(folder, 'nowhere')])).code).toBe(1)
    expect((await runCli(['audit', 'look', folder])).code).toBe(2)
  })
})
