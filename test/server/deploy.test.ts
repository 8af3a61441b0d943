import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../engine/needs.ts'
import { lacks, python } from './python/python.ts'

const file = (name: string) => join(root, 'deploy', name)
const folder = () => mkdtempSync(join(tmpdir(), 'deploy-'))

function check(command: string, ...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

const isThere = (command: string) => spawnSync(command, ['--version']).error === undefined

describe('what deploys the server', () => {
  it('the Kubernetes manifest holds to the schemas of the API', ({ skip }) => {
    const reason = lacks('kubernetes_validate')
    if (reason !== undefined) skip(reason)
    const validate = join(dirname(python), 'kubernetes-validate')
    const right = check(validate, '--strict', file('kubernetes.yaml'))
    expect(right).toEqual({ status: 0, said: expect.stringContaining('service/conclave') })
    const wrong = join(folder(), 'wrong.yaml')
    const text = readFileSync(file('kubernetes.yaml'), 'utf8')
    writeFileSync(wrong, text.replace('periodSeconds: 10', 'periodSeconds: often'))
    expect(check(validate, '--strict', wrong).status).not.toBe(0)
    writeFileSync(wrong, text.replace('livenessProbe', 'aliveProbe'))
    expect(check(validate, '--strict', wrong).status).not.toBe(0)
  })

  it('the Dockerfile passes hadolint', ({ skip }) => {
    const hadolint = join(dirname(python), 'hadolint')
    if (!isThere(hadolint)) skip(`there is no hadolint beside ${python}`)
    // Compilers of the first stage, which is thrown away: Debian's own versions are as good as any.
    const args = ['--no-color', '--ignore', 'DL3008']
    expect(check(hadolint, ...args, file('Dockerfile'))).toEqual({ status: 0, said: '' })
    const wrong = join(folder(), 'Dockerfile')
    writeFileSync(
      wrong,
      readFileSync(file('Dockerfile'), 'utf8').replace('WORKDIR /app', 'RUN cd x'),
    )
    expect(check(hadolint, ...args, wrong).status).toBe(1)
  })

  it('the Dockerfile copies what there is, and starts the command with flags it has', () => {
    const text = readFileSync(file('Dockerfile'), 'utf8')
    const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const path of ['dist', 'default-model']) {
      expect(files).toContain(path)
      expect(text).toContain(`/app/${path} ./${path}`)
    }
    const entry: string[] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)![1]!)
    const help = check(process.execPath, join(root, entry[1]!), 'serve', '--help').said
    for (const flag of entry.filter(part => part.startsWith('--'))) expect(help).toContain(flag)
    expect(help).toContain('--drain-timeout')
  })

  it('the systemd unit passes its own checker', ({ skip }) => {
    if (!isThere('systemd-analyze')) skip('there is no systemd-analyze here')
    const verify = (path: string) => check('systemd-analyze', 'verify', '--man=no', path)
    expect(verify(file('conclave.service'))).toEqual({ status: 0, said: '' })
    const wrong = join(folder(), 'conclave.service')
    writeFileSync(
      wrong,
      readFileSync(file('conclave.service'), 'utf8').replace('ExecStart=', 'Run='),
    )
    expect(verify(wrong).said).not.toBe('')
  })
})
