// The two databases that the case store is tested on.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folder of PostgreSQL's programs, as Debian's package lays them down; undefined without it. */
export function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return undefined
  const version = readdirSync(root).find(name => existsSync(join(root, name, 'bin/initdb')))
  return version === undefined ? undefined : join(root, version, 'bin')
}

/** The server refuses to run as root: then it runs as the package's own user. */
function run(command: string, args: string[]): void {
  const quoted = [command, ...args].map(arg => `'${arg}'`).join(' ')
  const asRoot = process.getuid?.() === 0
  const [program, rest] = asRoot
    ? ['su', ['postgres', '-s', '/bin/sh', '-c', quoted]]
    : ['sh', ['-c', quoted]]
  const done = spawnSync(program as string, rest as string[], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${quoted}: ${done.stdout}${done.stderr}`)
}

/** A server of its own on a socket in a new folder. */
export function startPostgres(programs: string): { url: string; stop(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-pg-'))
  chmodSync(folder, 0o777)
  const data = join(folder, 'data')
  run(join(programs, 'initdb'), ['-D', data, '-U', 'conclave', '-A', 'trust', '--no-sync'])
  const options = `-k ${folder} -c listen_addresses= -c fsync=off -c max_connections=40`
  run(join(programs, 'pg_ctl'), [
    '-D',
    data,
    '-w',
    '-l',
    join(folder, 'log'),
    '-o',
    options,
    'start',
  ])
  return {
    url: `postgres:///postgres?host=${encodeURIComponent(folder)}&user=conclave`,
    stop() {
      run(join(programs, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
