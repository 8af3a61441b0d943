// A full disk is told by number where Node has no name, and short writes go on.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { takeOwnership } from '../../lib/disk/owner-file.ts'
import { isRunning } from '../../lib/disk/process.ts'
import { isDiskFull } from '../../lib/disk/system-error.ts'
import { writeAll } from '../../lib/disk/write.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-disk-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a used-up quota has no name in Node, and is a full disk all the same', () => {
  const errno = -constants.errno.EDQUOT
  expect(getSystemErrorMap().has(errno)).toBe(false)
  expect(
    isDiskFull(Object.assign(new Error(), { errno, code: `Unknown system error ${errno}` })),
  ).toBe(true)
  for (const code of ['ENOSPC', 'EFBIG']) expect(isDiskFull({ code })).toBe(true)
  for (const error of [{ code: 'EIO', errno: -5 }, {}, null, undefined])
    expect(isDiskFull(error)).toBe(false)
})

test.each([undefined, 3])('a write that takes one byte at a time, at %s', async offset => {
  const path = join(folder, `bytes-${offset}`)
  const file = await open(path, 'w')
  const slow = {
    write: (bytes: Uint8Array, from: number, _: number, at: number | null) =>
      file.write(bytes, from, 1, at),
  } as Parameters<typeof writeAll>[0]
  await writeAll(slow, Buffer.from('conclave'), offset)
  await file.close()
  expect(readFileSync(path, 'latin1')).toBe(`${'\0'.repeat(offset ?? 0)}conclave`)
})

test('a file has one owner, and the file of a dead one is taken over', () => {
  const path = join(folder, 'owner')
  const giveBack = takeOwnership(path)
  expect(() => takeOwnership(path)).toThrow(/process \d+ does/)
  giveBack()
  writeFileSync(path, '999999999 1')
  expect(isRunning(999999999)).toBe(false)
  takeOwnership(path)()
})
