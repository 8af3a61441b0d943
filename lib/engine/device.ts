/**
 * Which device a model runs on, and why; what memory it has left.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { native, nativeCall } from '../native.ts'
import { availableMemory } from './available-memory.ts'

export const deviceNames = ['auto', 'cpu', 'cuda'] as const

export interface ChosenDevice {
  device: 'cpu' | 'cuda'
  reason: string
}

/** Throws `gpu_unavailable` where a GPU is asked for and none can be used. */
export function chooseDevice(asked: (typeof deviceNames)[number]): ChosenDevice {
  if (asked === 'cpu') return { device: 'cpu', reason: 'asked for' }
  const { cuda } = native().system()
  if (asked === 'cuda') {
    if (cuda.problem === '') return { device: 'cuda', reason: 'asked for' }
    throw new ConclaveError(
      'gpu_unavailable',
      `Expected a GPU for device 'cuda', but ${cuda.problem}. Use device 'cpu' or 'auto'.`,
    )
  }
  if (cuda.problem !== '') return { device: 'cpu', reason: cuda.problem }
  // The host harness runs kernels for their proof, not for an answer.
  if (cuda.name !== 'cuda') return { device: 'cpu', reason: `${cuda.name} is not a GPU` }
  return { device: 'cuda', reason: 'a GPU can be used' }
}

/** Bytes that a model may still take where it runs: of this machine, or of the card. */
export async function freeMemory(device: 'cpu' | 'cuda'): Promise<number> {
  return device === 'cpu' ? availableMemory() : nativeCall(() => native().cardMemory())
}
