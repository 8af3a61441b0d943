/**
 * conclave audit: checks an audit log, makes its key.
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isDiskFull, systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { type Command, outputFlags, UsageError } from './command.ts'

export const audit: Command = {
  name: 'audit',
  summary:
    'verify: names every record of an audit log that was changed, removed or reordered (exit code ' +
    '1). key: writes a new pair of keys to FILE and FILE.pub.',
  positionals: ['verify|key', 'FOLDER|FILE'],
  flags: {
    'public-key': { kind: 'string', value: 'FILE', help: 'default: the one in the folder' },
    head: { kind: 'string', value: 'SEQ:HASH', help: 'a head that was noted before' },
    ...outputFlags,
  },
  async run({ publicKey, head, json }, [action, path]) {
    if (path === undefined) throw new UsageError('Give the folder: conclave audit verify FOLDER.')
    if (action === 'key') return makeKey(path, json === true)
    if (action !== 'verify') throw new UsageError(`audit takes verify or key, not '${action}'.`)
    const noted = head === undefined ? undefined : readNoted(head as string)
    const { verifyAuditLog } = await import('../compliance/index.ts')
    const report = verifyAuditLog(path, {
      ...(publicKey !== undefined && { publicKey: read(publicKey as string) }),
      ...(noted !== undefined && { head: noted }),
    })
    if (!report.ok) process.exitCode = 1
    if (json === true) return console.log(JSON.stringify(report))
    for (const { problem, message } of report.problems) console.log(`${problem}: ${message}`)
    const { records, segments, keyFingerprint, problems } = report
    const verdict = report.ok ? 'whole' : `${problems.length} problems`
    console.log(
      `${records} records in ${segments} segments, head ${report.head.seq}:${report.head.hash}, ` +
        `key ${keyFingerprint.slice(0, 16)}: ${verdict}`,
    )
  },
}

async function makeKey(path: string, json: boolean): Promise<void> {
  const { createAuditKey } = await import('../compliance/index.ts')
  const { privateKey, publicKey } = createAuditKey()
  write(path, privateKey, 0o600)
  write(`${path}.pub`, publicKey, 0o644)
  const files = { privateKey: path, publicKey: `${path}.pub` }
  console.log(json ? JSON.stringify(files) : `${path}, ${path}.pub`)
}

function readNoted(text: string): { seq: number; hash: string } {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (match === null) throw new UsageError(`--head takes SEQ:HASH, not '${text}'.`)
  return { seq: Number(match[1]), hash: match[2]! }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw cannot('read', path, error)
  }
}

function write(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { mode, flag: 'wx' })
  } catch (error) {
    // Half a key is none; what was there before stays.
    if (systemCode(error) !== 'EEXIST') rmSync(path, { force: true })
    throw cannot('write', path, error)
  }
}

function cannot(verb: string, path: string, cause: unknown): ConclaveError {
  return new ConclaveError(
    isDiskFull(cause) ? 'disk_full' : 'io_error',
    `Expected to ${verb} ${path}, but the system says ${systemCode(cause)}. Check the path.`,
    { path },
    { cause },
  )
}
