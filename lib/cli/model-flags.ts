/**
 * Flags that say which model to load, and how to sample from it.
 * @module
 */
import { loadModel } from '../engine/load.ts'
import type { LoadOptions } from '../engine/load-options.ts'
import type { Model } from '../engine/model.ts'
import type { GenerateOptions } from '../sampling/options.ts'
import type { Flags, Values } from './command.ts'
import { loadProgress } from './progress.ts'

export const modelFlags = {
  model: {
    kind: 'string',
    value: 'MODEL',
    help: 'folder or hub id such as Qwen/Qwen3-0.6B (default: the embedded model)',
  },
  weights: {
    kind: 'string',
    value: 'FORMAT',
    help: 'auto, f32, bf16 or int8 (default: as stored)',
  },
  'kv-cache': { kind: 'string', value: 'FORMAT', help: 'auto, f32, bf16 or int8' },
  device: { kind: 'string', value: 'DEVICE', help: 'auto, cpu or cuda' },
  fastest: {
    kind: 'boolean',
    help: 'a GPU may sum in another order where it is faster (deterministic: false)',
  },
  threads: {
    kind: 'integer',
    value: 'N',
    help: 'threads that compute (default: all usable cores)',
  },
  'max-context': { kind: 'integer', value: 'N', help: 'longest sequence in tokens' },
  'max-batch-tokens': { kind: 'integer', value: 'N', help: 'tokens in one step (default 512)' },
  'page-size': { kind: 'integer', value: 'N', help: 'tokens in a KV page (default 32)' },
} as const satisfies Flags

export const samplingFlags = {
  'max-tokens': { kind: 'integer', value: 'N', help: 'most new tokens (default: what fits)' },
  'min-tokens': { kind: 'integer', value: 'N', help: 'fewest new tokens' },
  temperature: { kind: 'number', value: 'X', help: '0 is greedy (default: as the model says)' },
  'top-k': { kind: 'integer', value: 'N', help: 'draw among the N best tokens' },
  'top-p': { kind: 'number', value: 'X', help: 'draw among the best with this share' },
  'min-p': { kind: 'number', value: 'X', help: 'drop tokens below this share of the best one' },
  'repetition-penalty': { kind: 'number', value: 'X', help: 'above 1: repeat less' },
  'presence-penalty': { kind: 'number', value: 'X', help: '-2 to 2' },
  'frequency-penalty': { kind: 'number', value: 'X', help: '-2 to 2' },
  seed: { kind: 'bigint', value: 'N', help: 'the same seed gives the same answer' },
  stop: { kind: 'list', value: 'TEXT', help: 'text that ends the answer; may be given 16 times' },
  'ignore-eos': { kind: 'boolean', help: "go on past the model's end of text" },
} as const satisfies Flags

const loadNames = [
  'weights',
  'kvCache',
  'device',
  'threads',
  'maxContext',
  'maxBatchTokens',
  'pageSize',
]
const samplingNames = Object.keys(samplingFlags).map(name =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
)

function pick(values: Values, names: readonly string[]): object {
  return Object.fromEntries(names.filter(name => name in values).map(name => [name, values[name]]))
}

export function loadOptions(values: Values): LoadOptions {
  const options = pick(values, loadNames)
  return values.fastest === true ? { ...options, deterministic: false } : options
}

export function generateOptions(values: Values): GenerateOptions {
  return pick(values, samplingNames)
}

export function modelSource(values: Values): string | undefined {
  return values.model as string | undefined
}

/**
 * Loads what the flags ask for, with a bar on standard error where it takes long; and how long it
 * took, in ms.
 */
export async function loadFromFlags(
  values: Values,
  signal: AbortSignal,
  more: LoadOptions = {},
): Promise<{ model: Model; loadMs: number }> {
  const start = performance.now()
  const progress = loadProgress()
  const options = { ...loadOptions(values), ...more, signal, onProgress: progress.update }
  try {
    const model = await loadModel(modelSource(values), options)
    return { model, loadMs: performance.now() - start }
  } finally {
    progress.clear()
  }
}
