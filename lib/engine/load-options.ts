/**
 * What a caller may ask of `loadModel`, checked.
 * @module
 */
import type { LoadProgress } from '../native.ts'
import {
  checkBoolean,
  checkChoice,
  checkNames,
  checkNumber,
  checkSignal,
  invalid,
} from '../sampling/check.ts'
import { type ChosenDevice, chooseDevice, deviceNames } from './device.ts'

export interface LoadOptions {
  /** 'auto' (default) says in `model.info` what it chose, and why. */
  device?: 'auto' | 'cpu' | 'cuda'
  /** Format of matrices in memory; 'auto' (default): as stored. */
  weights?: 'auto' | 'f32' | 'bf16' | 'int8'
  /** Format of keys and values; 'auto' (default): f32 with f32 weights, else bf16. */
  kvCache?: 'auto' | 'f32' | 'bf16' | 'int8'
  /** Threads that compute. Default: the cores that this process may use. */
  threads?: number
  /** Tokens in one KV page, a multiple of 16. Default 32. */
  pageSize?: number
  /**
   * Longest sequence in tokens. Default: the model's own limit, at most 32,768, less where memory
   * is short.
   */
  maxContext?: number
  /** Most tokens in one step, and so the chunk in which prompts are run. Default 512. */
  maxBatchTokens?: number
  /** Most requests that share a step. Default 64. */
  maxSequences?: number
  /**
   * Pages of all sequences together. Default: one longest sequence, and up to 8,192 tokens more.
   */
  kvPages?: number
  /**
   * Keep the pages of past prompts and answers for prompts that begin alike, as long as no other
   * request needs them. Default true.
   */
  prefixCache?: boolean
  /** Scan the weights for NaN and infinity, and name the tensor. Default false. */
  validate?: boolean
  /**
   * The same request gives the same bits at any batch and in chunks of any size. Default true.
   * False: a GPU takes the fastest kernel for the number of tokens in a step, and the last bits
   * may differ with what else runs; on the CPU nothing changes.
   */
  deterministic?: boolean
  /** Stops the load, which then rejects with `aborted`. */
  signal?: AbortSignal
  onProgress?: (progress: LoadProgress) => void
}

/** Every option with its default; 0 or undefined stands for a size that the model decides. */
export interface CheckedLoadOptions {
  device: ChosenDevice
  weights: 'auto' | 'f32' | 'bf16' | 'int8'
  kvCache: 'auto' | 'f32' | 'bf16' | 'int8'
  threads: number
  pageSize: number
  maxContext: number | undefined
  maxBatchTokens: number
  maxSequences: number
  kvPages: number | undefined
  prefixCache: boolean
  validate: boolean
  deterministic: boolean
  signal: AbortSignal | undefined
  onProgress: (progress: LoadProgress) => void
}

const names = [
  'device',
  'weights',
  'kvCache',
  'threads',
  'pageSize',
  'maxContext',
  'maxBatchTokens',
  'maxSequences',
  'kvPages',
  'prefixCache',
  'validate',
  'deterministic',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof LoadOptions)[]

export const weightNames = ['auto', 'f32', 'bf16', 'int8'] as const

/** Throws `invalid_request` naming the option, or `gpu_unavailable`. */
export function checkLoadOptions(options: LoadOptions): CheckedLoadOptions {
  checkNames(options, names)
  const choice = <T extends string>(name: keyof LoadOptions, choices: readonly T[]) =>
    options[name] === undefined ? choices[0]! : checkChoice(name, options[name], choices)
  const count = (name: keyof LoadOptions, max: number) =>
    options[name] === undefined
      ? undefined
      : checkNumber(name, options[name], { min: 1, max, integer: true })
  const pageSize = count('pageSize', 4096) ?? 32
  if (pageSize % 16 !== 0) throw invalid('pageSize', 'a multiple of 16', pageSize)
  const { onProgress } = options
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid('onProgress', 'a function', onProgress)
  return {
    device: chooseDevice(choice('device', deviceNames)),
    weights: choice('weights', weightNames),
    kvCache: choice('kvCache', weightNames),
    threads: count('threads', 1024) ?? 0,
    pageSize,
    maxContext: count('maxContext', 2 ** 30),
    maxBatchTokens: count('maxBatchTokens', 65_536) ?? 512,
    maxSequences: count('maxSequences', 4096) ?? 64,
    kvPages: count('kvPages', 2 ** 30),
    prefixCache:
      options.prefixCache === undefined || checkBoolean('prefixCache', options.prefixCache),
    validate: options.validate !== undefined && checkBoolean('validate', options.validate),
    deterministic:
      options.deterministic === undefined || checkBoolean('deterministic', options.deterministic),
    signal: checkSignal(options.signal),
    onProgress: onProgress ?? (() => {}),
  }
}
