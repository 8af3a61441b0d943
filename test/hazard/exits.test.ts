import { describe, expect, it } from 'vitest'
import { addon, needs } from '../engine/needs.ts'
import { runProgram } from './run-program.ts'

const phases = ['loading', 'prefilling', 'decoding', 'disposing', 'idle']
const ways: [way: string, code: number | null, signal: string | null][] = [
  ['return', 0, null],
  ['throw', 1, null],
  ['exit', 7, null],
  ['handled', 143, null],
  ['SIGINT', null, 'SIGINT'],
  ['SIGTERM', null, 'SIGTERM'],
  ['SIGHUP', null, 'SIGHUP'],
]

describe('a process that ends', () => {
  needs('dist/index.mjs', addon)

  it.for(phases.flatMap(phase => ways.map(way => [phase, ...way] as const)))(
    'while %s by %s: code %s, signal %s',
    async ([phase, way, code, signal]) => {
      const ended = await runProgram('phases.mjs', [phase, way])
      expect({ stdout: ended.stdout, code: ended.code, signal: ended.signal }).toEqual({
        stdout: 'now\n',
        code,
        signal,
      })
      expect(ended.stderr.includes('thrown on purpose')).toBe(way === 'throw')
      if (way !== 'throw') expect(ended.stderr).toBe('')
      expect(ended.msFromFirstLine).toBeLessThan(5000)
    },
  )
})
