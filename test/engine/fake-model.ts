import type { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { Model } from '../../lib/engine/model.ts'
import type { PageHash } from '../../lib/engine/prefix-cache.ts'
import { FakeExecutor, type FakeOptions, hashNext } from './fake-executor.ts'

export interface FakeModelOptions extends Partial<FakeOptions> {
  maxBatchTokens?: number
  maxSequences?: number
  maxContext?: number
  maxLogitRows?: number
  eosTokenIds?: number[]
  tokenizer?: ModelTokenizer | null
  prefixCache?: boolean
  pageHash?: PageHash
}

/** A Model over a {@link FakeExecutor}. */
export function fakeModel(options: FakeModelOptions = {}) {
  const {
    vocabSize = 97,
    pageSize = 4,
    numPages = 64,
    maxBatchTokens = 16,
    maxSequences = 8,
    maxContext = 64,
    maxLogitRows = 1000,
    eosTokenIds = [],
    tokenizer = null,
    prefixCache = true,
  } = options
  const executor = new FakeExecutor({ ...options, vocabSize, pageSize, numPages })
  const now = () => performance.now()
  const sizes = { maxBatchTokens, maxSequences, pageSize, numPages, maxContext, maxLogitRows }
  const { pageHash } = options
  const engine = new Engine({ executor, ...sizes, now, ...(pageHash ? { pageHash } : {}) })
  const host = {
    executor,
    sizes: { numPages, maxBatchTokens, maxSequences },
    pageSize,
    maxLogitRows,
    kvBytesPerPage: 1000,
    freeBytes: async () => 2 ** 30,
  }
  const routing = { layers: [1, 3], expertsPerToken: 2 }
  const info = {
    architecture: 'fake',
    parametersTotal: 0,
    parametersActive: 0,
    weights: 'f32',
    weightBytes: 0,
    kvCache: 'f32',
    device: 'cpu' as const,
    deviceReason: 'test',
    kernels: 'none',
    threads: 1,
    maxContext,
    vocabSize,
    layers: 0,
    experts: 0,
    expertsPerToken: 0,
  }
  const model = new Model({
    engine,
    info,
    tokenizer,
    defaults: { temperature: 0, eosTokenIds },
    routing,
    prefixCache,
    host,
    weightFiles: [],
  })
  return { model, engine, executor }
}

/** What the fake executor answers to a prompt. */
export function expectedTokens(prompt: readonly number[], count: number, vocabSize = 97): number[] {
  const line = [...prompt]
  for (let i = 0; i < count; i++) line.push(hashNext(line, vocabSize))
  return line.slice(prompt.length)
}
