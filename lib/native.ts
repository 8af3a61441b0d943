/**
 * The only file that loads the addon, and the one typed page of every native call.
 * Each call is synchronous and short unless it returns a promise; long work runs on the addon's own threads.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConclaveError, fromNative } from './errors.ts'

/** One tensor as the file's header declares it. */
export interface TensorInfo {
  name: string
  /** f32 | f16 | bf16 | i8 | q4_k | … as in native/core/dtype.h */
  dtype: string
  shape: number[]
  bytes: number
  /** Index into the list of paths that the store was opened with. */
  file: number
}

/** One key of a GGUF file. */
export interface GgufMetadata {
  key: string
  /** u8 … i64 | f32 | f64 | bool | string | array */
  type: string
  /** Type of an array's elements; otherwise as `type`. */
  element: string
  /** Of elements; 1 unless it is an array. */
  count: number
  /** Null for an array, and for a text of more than 4 MiB. */
  value: number | boolean | string | null
}

/** Text i is the UTF-8 of bytes[offsets[i] … offsets[i + 1]). */
export interface GgufTexts {
  bytes: Uint8Array
  offsets: Uint32Array
}

/** Memory-mapped weight files, safetensors or GGUF; headers are checked when it is opened. */
export interface WeightStore {
  /** `count` tensors from `first` on, in file order; all unless given. A thousand take about 2 ms. */
  tensors(first?: number, count?: number): TensorInfo[]
  /**
   * Keys of a GGUF file in file order from `first` on, as many as take a few milliseconds, none
   * behind the last; null for safetensors.
   */
  metadata(file: number, first: number): GgufMetadata[] | null
  /** An array of at most 2^20 elements, by the place of its key; read on a thread. */
  elements(file: number, key: number): Promise<GgufTexts | Float64Array>
  /** Values of a small tensor (at most 2^20), widened to f32. */
  read(tensor: string): Float32Array
  /**
   * Rows of a weight of the graph, widened from whatever the file holds and written as `format`, made
   * on a thread; int8 with a scale for each `group` columns, q8_0 in blocks of 32. `numerical_error`
   * where a value is not finite.
   */
  rows(
    weightJson: string,
    range: { first: number; count: number; group: number },
    format: 'f32' | 'bf16' | 'int8' | 'q8_0',
  ): Promise<StoredRows>
  close(): void
}

/** Rows as a file has them, and the scales of int8. */
export interface StoredRows {
  data: Uint8Array
  scales: Float32Array
}

/** What the executor is built with. */
export interface ExecutorOptions {
  device: 'cpu' | 'cuda'
  /** 'auto' keeps each matrix in its file's dtype. */
  weights: 'auto' | 'f32' | 'bf16' | 'int8'
  kvCache: 'f32' | 'bf16' | 'int8'
  /** Threads of the pool, the engine thread included; 0 = all usable cores. */
  threads: number
  pageSize: number
  numPages: number
  maxBatchTokens: number
  maxSequences: number
  /** Scan weights for NaN and infinities while binding. */
  validate: boolean
  deterministic: boolean
}

export interface ExecutorInfo {
  device: 'cpu' | 'cuda' | 'cuda (simt)'
  kernels: string
  threads: number
  weightBytes: number
  kvBytes: number
  workspaceBytes: number
}

/** Sampling parameters of one sequence, all required: the caller has applied the defaults. */
export interface NativeSamplingParams {
  temperature: number
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  presencePenalty: number
  frequencyPenalty: number
  seed: bigint
  /** −1: none. */
  logprobs: number
  vocabLimit: number
  minTokens: number
  bannedUntilMin: Int32Array
  biasIds: Int32Array
  biasValues: Float32Array
  /** Of the answer: a grammar is brought to its end in time. */
  maxTokens: number
  /** What the answer must match; null: any text. End ids come only where it may end. */
  grammar: Grammar | null
}

declare const grammarBrand: unique symbol

/** A compiled grammar over one vocabulary. */
export interface Grammar {
  readonly [grammarBrand]: true
}

/** json_schema: a schema as JSON; choice: a list of texts as JSON; grammar: EBNF. */
export type GrammarKind = 'json_schema' | 'regex' | 'choice' | 'grammar'

/** The tokens of a model, and the grammars compiled for them: at most 64 MiB are kept. */
export interface Vocabulary {
  /**
   * On a thread of its own. `grammar_error` (details: path, keyword) or `grammar_limit`. `thinking`:
   * 'open' where the prompt began a thought, 'auto' where the answer may; default 'off'.
   */
  compile(kind: GrammarKind, text: string, thinking?: 'off' | 'auto' | 'open'): Promise<Grammar>
  /** Memory of the grammars kept. */
  cacheBytes(): number
  /** Milliseconds of the mask before each of the tokens; −1 before one that does not fit. */
  measure(grammar: Grammar, tokens: Int32Array): Float64Array
}

/**
 * One step, as flat arrays. S sequences, T tokens, R rows whose logits are wanted.
 * Sequence s owns tokens queryStarts[s] … queryStarts[s+1]; its positions are consecutive.
 */
export interface StepBatch {
  /** −1 − r: the id that row r of the step before, on the same cache, sampled. */
  tokenIds: Int32Array
  positions: Int32Array
  queryStarts: Int32Array
  kvLengths: Int32Array
  /** (S, maxPages) row-major. */
  pageTables: Int32Array
  maxPages: number
  /** Whose pages these are: a handle of `openCache`; 0, the default: the executor's own. */
  cache?: number
  /** Token rows of this step whose logits are computed. */
  logitRows: Int32Array
  /** (R) sampler handle of each logit row; −1: do not sample it; −2: give its logits instead. */
  samplers: Int32Array
  /** True: the logits themselves come back too. */
  wantLogits: boolean
  /** True: the experts that each token was sent to come back too. */
  wantRoutes?: boolean
  /**
   * True: what the head reads comes back for each logit row; the head itself is left out where no
   * row is sampled and `wantLogits` is false.
   */
  wantHidden?: boolean
  /** A header, then all arrays above in their order: the same memory. */
  packed?: Int32Array
}

export interface StepResult {
  /** (R) −1 where the row was not sampled or had no finite logit. */
  tokenIds: Int32Array
  /**
   * (R) 0 ok; 1 numerical error; 2 no token fits the grammar; 3 the grammar took too much work; 4 the
   * grammar's text is whole, with no token; 5 ok, narrowed to end in time.
   */
  status: Int32Array
  /** (R) log-probability of the sampled token, where the sampler asked for it. */
  logprobs: Float32Array
  /** (R, topN) alternatives, best first, −1 padded; topN = the largest `logprobs` asked for in this step. */
  topIds: Int32Array
  topLogprobs: Float32Array
  topN: number
  /** (R, vocab_size) with wantLogits; without it, rows whose sampler is −2 alone. */
  logits: Float32Array | null
  /** (sparse layers, T, num_experts_per_tok) chosen experts in falling router weight, only with wantRoutes. */
  routes: Int32Array | null
  /** (R, hidden_size) only with wantHidden. */
  hidden: Float32Array | null
  /** Wall time of the native work. */
  ms: number
  /** How long the thread had nothing to do before it. */
  idleMs: number
}

export interface CacheSizes {
  numPages: number
  /** What a step that uses it may hold; the workspace grows where it is smaller. */
  maxBatchTokens: number
  maxSequences: number
}

/** The recorded graph bound to weights, planned, and run on its own thread. */
export interface Executor {
  readonly info: ExecutorInfo
  /** One step; steps run in the order they are given. Rejects with a coded error; the executor stays usable. */
  step(batch: StepBatch): Promise<StepResult>
  /**
   * The same with the batch in one array and `results` to be written into: `PackedSteps` in
   * lib/engine. null: all is there; otherwise what does not go there, or all where it does not fit.
   */
  stepPacked(
    batch: Int32Array,
    results: Int32Array,
  ): Promise<StepResult | Pick<StepResult, 'logits' | 'routes' | 'hidden'> | null>
  /**
   * Takes the last step of a cache back: true where it had not begun. Its promise rejects once the
   * steps before it are over.
   */
  retract(cache: number): boolean
  /** KV pages beside the executor's own, taken after the step in progress. Gives their handle. */
  openCache(sizes: CacheSizes): Promise<number>
  /** Frees those pages once no step uses them. */
  closeCache(handle: number): void
  /** How many tokens of a cache chose each expert: the experts of every sparse layer in turn. */
  expertCounts(handle: number): Float64Array
  /**
   * Nanoseconds of each node of the graph since the last call, then of sampling, then the number of
   * steps; empty where nothing was counted. Counts from here on where `on`; costs nothing while off.
   */
  profile(on: boolean): Promise<Float64Array>
  /** Samples a row of logits that a step gave, now and here. A result of one row. */
  sample(handle: number, logits: Float32Array): StepResult
  /** Opens a sampler for a sequence; promptIds feed the repetition penalty. Returns its handle. */
  openSampler(params: NativeSamplingParams, promptIds: Int32Array, generatedIds: Int32Array): number
  closeSampler(handle: number): void
  /**
   * A sentence where the device cannot be used by this process any more, else empty: each step then
   * rejects with it, and only another process helps.
   */
  failure(): string
  /** Stops the thread after the step in progress and frees everything at once. Idempotent. */
  dispose(): Promise<void>
}

export interface LoadProgress {
  phase: string
  doneBytes: number
  totalBytes: number
}

/** The most that this machine gives, as its kernels meet it on all threads at once. */
export interface Ceilings {
  readBytesPerSecond: number
  f32FlopsPerSecond: number
  /** The f32 figure where the kernels have no bf16 products. */
  bf16FlopsPerSecond: number
  /** Of products of bytes; half of it for 16-bit activations. */
  int8OpsPerSecond: number
}

export interface GraphPlan {
  /** Of activations. */
  workspaceBytes: number
  kvBytesPerPage: number
  /** Of a card's kernels; 0 on the CPU. */
  scratchBytes: number
  /** The same, more for each page that the longest sequence may have. */
  scratchBytesPerPage: number
}

interface Addon {
  /** Kernel set that this processor gets, and the cores that this process may use (affinity and cgroup quota respected). */
  system(): {
    kernels: string
    threads: number
    /** What 'cuda' would run on; `problem` is half a sentence, empty where it can be used. */
    cuda: { name: 'cuda' | 'cuda (simt)'; problem: string }
  }
  /** Measured now, for about a second, with 512 MiB of memory; 0 threads: all cores. */
  measure(threads: number): Promise<Ceilings>
  /** Maps the files and checks their headers, on a thread of its own. */
  openWeights(paths: string[]): Promise<WeightStore>
  /** Token i is bytes[offsets[i] … offsets[i + 1]); one without bytes is never offered. */
  createVocabulary(bytes: Uint8Array, offsets: Int32Array): Promise<Vocabulary>
  /** Binds weights (converting where asked) and plans memory, off the event loop. `cancel[0] = 1` aborts it. */
  createExecutor(
    graphJson: string,
    store: WeightStore,
    options: ExecutorOptions,
    cancel: Int32Array,
    onProgress: (doneBytes: number, totalBytes: number) => void,
  ): Promise<Executor>
  /** Memory plan of a graph without weights or allocation, made on a thread of its own. */
  planGraph(graphJson: string, options: ExecutorOptions): Promise<GraphPlan>
  /** Bytes of the card that nobody has taken. Rejects with `gpu_unavailable`. */
  cardMemory(): Promise<number>
}

let loaded: Addon | undefined

/** This module's file; a bundle that a caller made as CommonJS has no import.meta.url. */
function ownFile(): string {
  const url = import.meta.url as string | undefined
  return url === undefined ? __filename : fileURLToPath(url)
}

function isOwnPackage(folder: string): boolean {
  const file = join(folder, 'package.json')
  return existsSync(file) && /"name":\s*"conclave"/.test(readFileSync(file, 'utf8'))
}

/**
 * Folder of this package: above dist/ or lib/, or among the installed packages where a caller
 * bundled the library into a file of their own.
 */
export function packageRoot(): string {
  const file = ownFile()
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder))
    if (isOwnPackage(folder)) return folder
  try {
    return dirname(createRequire(file).resolve('conclave/package.json'))
  } catch (error) {
    throw new ConclaveError(
      'io_error',
      `Expected the package conclave above ${file} or in a node_modules folder there, but found ` +
        'none. Install it beside the bundle: its addon and its model are files of their own.',
      {},
      { cause: error },
    )
  }
}

function notLoaded(root: string, cause: unknown): ConclaveError {
  const path = join(root, 'build/Release/conclave.node')
  const what = existsSync(path)
    ? `it did not load (${cause instanceof Error ? cause.message.split('\n')[0] : cause})`
    : 'it was never compiled: npm runs install scripts only after approval'
  return new ConclaveError(
    'engine_failed',
    `Expected the native addon at ${path}, but ${what}; run ` +
      `\`node "${join(root, 'scripts/build-native.mjs')}"\`, or ` +
      '`npm approve-scripts conclave` and `npm rebuild conclave`, to compile it.',
    { path },
    { cause },
  )
}

/** The addon, loaded on first use. Throws `engine_failed` naming the command that builds it. */
export function native(): Addon {
  if (loaded !== undefined) return loaded
  const root = packageRoot()
  const require = createRequire(join(root, 'package.json'))
  // The addon of `npm run build:simt` runs CUDA kernels on the host; it stands beside the usual one.
  const simt =
    process.env['CONCLAVE_SIMT'] === '1' && join(root, 'build/simt/Release/conclave.node')
  try {
    loaded = (
      simt ? require(simt) : require('bindings')({ bindings: 'conclave', module_root: root })
    ) as Addon
  } catch (error) {
    throw notLoaded(root, error)
  }
  return loaded
}

/** Runs a native call; what it throws or rejects with becomes a ConclaveError. */
export async function nativeCall<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromNative(error)
  }
}
