/**
 * createEngine: pages and a batch of their own on the weights of a loaded model.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type Guard, guardOf } from '../guard/guard.ts'
import type { GuardPolicy } from '../guard/policy.ts'
import { type CacheSizes, nativeCall } from '../native.ts'
import { checkBoolean, checkNames, checkNumber, invalid } from '../sampling/check.ts'
import { Engine } from './engine.ts'
import { type EngineHost, Model } from './model.ts'
import { expertLoads, ModelEngine } from './model-engine.ts'
import { overCache } from './packed-steps.ts'
import { PromptRequests } from './prompt-requests.ts'
import { engineGenerateNames } from './request-options.ts'
import { TextRequests } from './text-requests.ts'

export interface EngineOptions {
  /** Most tokens in one step, 1 … 65,536. Default: the model's. */
  maxBatchTokens?: number
  /** Most requests that share a step, 1 … 4,096. Default: the model's. */
  maxSequences?: number
  /** KV pages of all requests together. Default: as many as the model has. */
  kvPages?: number
  /** The same in bytes, rounded down to whole pages; one of the two may be given. */
  kvBytes?: number
  /** Keep pages for prompts that begin alike. Default: the model's. */
  prefixCache?: boolean
  /** Count the tokens that each expert gets, for `stats()`. Default true: it costs next to nothing. */
  expertCounts?: boolean
  /**
   * A guard, its policy or 'default': masks or ends what enters (messages, tool results, prompts)
   * and what leaves (text with reasoning and tool calls, token ids, log-probabilities); prompts
   * of `score` and `embed` too. `routes` are refused beside it. It is this engine's alone: what the
   * model itself is asked passes no guard. The model must have a tokenizer. Default: none.
   */
  guard?: 'default' | GuardPolicy | Guard
}

const names = [
  'maxBatchTokens',
  'maxSequences',
  'kvPages',
  'kvBytes',
  'prefixCache',
  'expertCounts',
  'guard',
] as const

/**
 * Makes an engine on a model: its own KV pages, step size and prefix cache; the weights are shared,
 * and steps of several engines take turns. A request is at most as long as the model's context and
 * as the pages allow. It ends with the model.
 *
 * Throws `invalid_request`, `insufficient_memory` or `disposed`.
 * @example
 * await using engine = await createEngine(model, { maxSequences: 32, kvBytes: 2 ** 30 })
 * const answers = questions.map(q => engine.generate(q, { maxTokens: 64 }).text())
 * console.log(await Promise.all(answers))
 */
export async function createEngine(
  model: Model,
  options: EngineOptions = {},
): Promise<ModelEngine> {
  if (!(model instanceof Model)) throw invalid('the model', 'one that loadModel gave', model)
  const { engine: own, host, others, ...parts } = Model.partsOf(model)
  own.assertAlive()
  const sizes = checkSizes(options, host)
  const countsExperts = checkBoolean('expertCounts', options.expertCounts ?? true)
  const guard = checkGuard(options, parts)
  const prefixCache =
    options.prefixCache === undefined
      ? parts.prefixCache
      : checkBoolean('prefixCache', options.prefixCache)
  refuseTooMany(sizes.numPages * host.kvBytesPerPage, sizes.numPages, await host.freeBytes())
  const cache = await nativeCall(() => host.executor.openCache(sizes))
  own.assertAlive()
  const maxContext = Math.min(parts.info.maxContext, sizes.numPages * host.pageSize)
  const executor = overCache(host.executor, {
    cache,
    maxRows: sizes.maxSequences,
    countsExperts,
    dispose: async () => host.executor.closeCache(cache),
  })
  const engine = new Engine({ ...host, ...sizes, executor, maxContext, now: own.now })
  const { vocabSize } = parts.info
  const made: ModelEngine = new ModelEngine({
    engine,
    texts: new TextRequests({
      ...parts,
      engine,
      vocabSize,
      maxContext,
      prefixCache,
      names: engineGenerateNames,
      guard,
    }),
    prompts: new PromptRequests({ ...parts, engine, vocabSize, maxContext, guard }),
    guard,
    expertLoads: () => expertLoads(host.executor.expertCounts(cache), parts.routing.layers),
    onDispose: () => others.delete(made),
  })
  others.add(made)
  return made
}

/**
 * The engine that a model has by itself, with a guard in front and no pages of its own. Disposing
 * of it ends the model. Throws `invalid_request`.
 */
export function guardedEngine(model: Model, guard: 'default' | GuardPolicy | Guard): ModelEngine {
  return Model.ownEngine(model, checkGuard({ guard }, model))
}

function checkGuard({ guard }: EngineOptions, parts: { tokenizer: unknown }): Guard | undefined {
  if (guard === undefined) return undefined
  if (parts.tokenizer === null)
    throw new ConclaveError(
      'invalid_request',
      'Expected a model with a tokenizer for a guard, which reads text, but its folder has none.',
      { option: 'guard' },
    )
  return guardOf(guard)
}

/** Throws `invalid_request` naming the option. */
function checkSizes(options: EngineOptions, { sizes, kvBytesPerPage }: EngineHost): CacheSizes {
  checkNames(options, names)
  const count = (name: 'maxBatchTokens' | 'maxSequences' | 'kvPages', max: number) =>
    options[name] === undefined
      ? undefined
      : checkNumber(name, options[name], { min: 1, max, integer: true })
  const maxBatchTokens = count('maxBatchTokens', 65_536) ?? sizes.maxBatchTokens
  const maxSequences = count('maxSequences', 4096) ?? sizes.maxSequences
  return {
    maxBatchTokens,
    maxSequences: Math.min(maxSequences, maxBatchTokens),
    numPages: pagesOf(options, kvBytesPerPage) ?? count('kvPages', 2 ** 30) ?? sizes.numPages,
  }
}

function pagesOf({ kvBytes, kvPages }: EngineOptions, kvBytesPerPage: number): number | undefined {
  if (kvBytes === undefined) return undefined
  if (kvPages !== undefined)
    throw new ConclaveError(
      'invalid_request',
      'Expected kvPages or kvBytes, but got both. Give one of them.',
      { option: 'kvBytes' },
    )
  checkNumber('kvBytes', kvBytes, { min: kvBytesPerPage, max: Number.MAX_SAFE_INTEGER })
  return Math.floor(kvBytes / kvBytesPerPage)
}

function refuseTooMany(kvBytes: number, numPages: number, availableBytes: number): void {
  if (kvBytes <= availableBytes) return
  throw new ConclaveError(
    'insufficient_memory',
    `Expected ${kvBytes} bytes of free memory for ${numPages} KV pages, but ${availableBytes} ` +
      'are available. Free some, or give the engine fewer pages.',
    { kvBytes, availableBytes },
  )
}
