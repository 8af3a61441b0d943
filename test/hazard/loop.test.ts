import { beforeAll, describe, expect, it } from 'vitest'
import { addon, firstMissing, needs } from '../engine/needs.ts'
import { report } from './run-program.ts'

interface Files {
  calls: number
  medianMs: number
}

interface LoopReport {
  loadDelayMs: number
  step: Files
  decode: Files
  sameListeners: boolean
  addedSignals: number[]
}

const needed = ['dist/index.mjs', addon, 'default-model/model.safetensors']

describe('the event loop and the process of a caller', () => {
  needs(...needed)
  const all: LoopReport[] = []

  beforeAll(async () => {
    if (firstMissing(needed) !== undefined) return
    const env = { UV_THREADPOOL_SIZE: '1' }
    for (let i = 0; i < 3; i++)
      all.push(await report<LoopReport>('loop.mjs', ['default-model'], { env }))
  })

  it('are never kept for 250 ms by a load', () => {
    const delays = all.map(({ loadDelayMs }) => loadDelayMs)
    console.log(`event loop delays in the first load of a process: ${delays} ms`)
    // A load that blocks does so in each process; a busy machine delays one of three.
    expect(Math.min(...delays)).toBeLessThan(250)
  })

  it('have file calls that need no step to end first, with a pool of one thread', () => {
    const { step, decode } = all[0]!
    console.log(`file call during a step ${step.medianMs} ms, while decoding ${decode.medianMs} ms`)
    expect(step.calls).toBeGreaterThan(20)
    expect(decode.calls).toBeGreaterThan(20)
    expect(Math.max(step.medianMs, decode.medianMs)).toBeLessThan(20)
  })

  it('get no signal handlers', () => {
    expect(all[0]!.sameListeners).toBe(true)
  })

  it.runIf(process.platform === 'linux')('get one handler in the kernel: SIGBUS', () => {
    // For files that shrink while they are mapped; faults elsewhere are passed on.
    expect(all[0]!.addedSignals).toEqual([7])
  })
})
