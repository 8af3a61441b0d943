import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/engine/load.ts'
import { createApp } from '../../lib/server/app.ts'
import { listen } from '../../lib/server/listen.ts'
import { addon, needs, root } from '../engine/needs.ts'
import { key } from './default-app.ts'
import { lacks, python } from './python/python.ts'

const run = promisify(execFile)
const folder = join(root, 'test/server/python')

describe('schemathesis on the OpenAPI document', () => {
  needs(addon, 'default-model/model.safetensors')

  it('finds nothing, with right and wrong data, by any of its checks', async ({ skip }) => {
    const reason = lacks('schemathesis')
    if (reason !== undefined) skip(reason)
    // Answers end early: most requests state no max_tokens.
    await using model = await loadModel(undefined, { threads: 1, maxContext: 128 })
    const listener = await listen(createApp(model, { apiKeys: [key] }), { port: 0 })
    const command = join(dirname(python), 'schemathesis')
    const args = [
      ...['--config-file', join(folder, 'schemathesis.toml')],
      ...['run', `${listener.url}/openapi.json`, '-H', `Authorization: Bearer ${key}`],
      ...['--checks', 'all', '--mode', 'all', '--phases', 'examples,coverage,fuzzing,stateful'],
      ...['--max-examples', '5', '--seed', '1', '--generation-database', 'none'],
      // How fast the machine is today is no finding.
      ...['--request-timeout', '120', '--max-response-time', '120', '--wait-for-schema', '60'],
    ]
    const cwd = mkdtempSync(join(tmpdir(), 'schemathesis-'))
    const env = { ...process.env, SCHEMATHESIS_HOOKS: join(folder, 'refusals.py') }
    const told = await run(command, args, { cwd, env, maxBuffer: 1 << 26 }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }) => ({ code, stdout }),
    )
    await listener.close(true)
    expect(told.stdout).toMatch(/Tested: +16/)
    const [, findings = ''] = told.stdout.split(/^(?==+ (?:FAILURES|ERRORS) =+$)/m)
    expect([findings, told.code]).toEqual(['', 0])
  }, 900_000)
})
