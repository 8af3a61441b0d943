/**
 * loadModel: a folder → a model that runs.
 * @module
 */
import { ModelTokenizer } from '../chat/model-tokenizer.ts'
import { ConclaveError } from '../errors.ts'
import type { ModelFiles } from '../files/model-folder.ts'
import { type Executor, native, nativeCall } from '../native.ts'
import { freeMemory } from './device.ts'
import { Engine } from './engine.ts'
import { type CheckedLoadOptions, checkLoadOptions, type LoadOptions } from './load-options.ts'
import { refuseTooLarge } from './memory-plan.ts'
import { type EngineHost, Model } from './model.ts'
import { describeModel } from './model-info.ts'
import { type OpenModel, openModel, throwIfAborted } from './open.ts'
import { overCache } from './packed-steps.ts'
import type { Routing } from './route-trace.ts'

/** Bytes of logits that one step of `model.logits` may return. */
const maxLogitBytes = 256 * 2 ** 20

/**
 * Loads a model: a Hugging Face folder, a hub id, or the embedded default model where `source` is
 * left out.
 *
 * Weights stay in their file's dtype and are memory-mapped unless `weights` asks for another.
 * Throws a ConclaveError: `io_error`, `invalid_file`, `invalid_config`, `unsupported_model`,
 * `missing_shard`, `insufficient_memory`, `gpu_unavailable`, `invalid_request` or `aborted`.
 * @example
 * const model = await loadModel('./Qwen3-0.6B', { weights: 'int8' })
 * const { text } = await model.chat([{ role: 'user', content: 'Hello!' }]).result()
 * await model.dispose()
 */
export async function loadModel(source?: string, options: LoadOptions = {}): Promise<Model> {
  const checked = checkLoadOptions(options)
  throwIfAborted(checked.signal)
  const open = await openModel(source, checked)
  try {
    refuseTooLarge(open.plan, open.availableBytes, open.executorOptions.device)
    const [tokenizer, executor] = await readAndBind(open, checked)
    const host = hostOf(open, executor)
    const { maxContext } = open.plan
    const maxRows = host.sizes.maxSequences
    const steps = overCache(executor, { cache: 0, maxRows, dispose: () => executor.dispose() })
    const now = () => performance.now()
    return new Model({
      engine: new Engine({ ...host, ...host.sizes, executor: steps, maxContext, now }),
      host,
      info: describeModel(open, executor.info, checked.device.reason),
      tokenizer,
      defaults: open.folder.generation,
      routing: routingOf(open),
      prefixCache: checked.prefixCache,
      weightFiles: open.folder.weightFiles,
    })
  } finally {
    open.store.close()
  }
}

/** Side by side: the vocabulary is JavaScript's work, the weights are that of native threads. */
async function readAndBind(
  open: OpenModel,
  options: CheckedLoadOptions,
): Promise<[ModelTokenizer | null, Executor]> {
  const unreadable = new AbortController()
  const reading = readTokenizer(open.folder).catch((error: unknown) => {
    unreadable.abort()
    throw error
  })
  const signals = [unreadable.signal, ...(options.signal === undefined ? [] : [options.signal])]
  const binding = createExecutor(open, { ...options, signal: AbortSignal.any(signals) })
  const [tokenizer, executor] = await Promise.allSettled([reading, binding])
  if (tokenizer.status === 'fulfilled' && executor.status === 'fulfilled')
    return [tokenizer.value, executor.value]
  if (executor.status === 'fulfilled') await executor.value.dispose()
  throw tokenizer.status === 'rejected'
    ? tokenizer.reason
    : (executor as PromiseRejectedResult).reason
}

/**
 * The embedding may have more rows than the tokenizer has ids. It may lack rows for added tokens, as
 * where a token of another modality was left in: the model never gives them, ordinary text never
 * becomes one, and a prompt that holds one is refused. All that ordinary text becomes needs its row.
 */
async function readTokenizer(folder: ModelFiles): Promise<ModelTokenizer | null> {
  const files = await folder.readTokenizer()
  if (files === null) return null
  const tokenizer = await ModelTokenizer.fromFilesInSlices(files)
  const { vocabSize } = folder.config
  const ids = tokenizer.tokenizer.textVocabSize
  if (ids <= vocabSize) return tokenizer
  throw new ConclaveError(
    'invalid_config',
    `Expected a tokenizer of at most ${vocabSize} ids for text, as vocab_size in ${folder.path} ` +
      `says, but it has ${ids}.`,
    { vocabSize, actual: ids },
  )
}

async function createExecutor(open: OpenModel, options: CheckedLoadOptions): Promise<Executor> {
  const { signal } = options
  const cancel = new Int32Array(1)
  const stop = () => {
    cancel[0] = 1
  }
  let thrown: { error: unknown } | undefined
  const onProgress = (doneBytes: number, totalBytes: number) => {
    if (thrown !== undefined) return
    try {
      options.onProgress({ phase: 'weights', doneBytes, totalBytes })
    } catch (error) {
      thrown = { error }
      stop()
    }
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    throwIfAborted(signal)
    const executor = await nativeCall(() =>
      native().createExecutor(open.graphJson, open.store, open.executorOptions, cancel, onProgress),
    )
    if (cancel[0] === 0) return executor
    await executor.dispose()
    throw new ConclaveError('aborted', 'The load was stopped by its signal.')
  } catch (error) {
    // What the caller's own callback threw is the caller's to see.
    throw thrown === undefined ? error : thrown.error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Sparse layers in the graph's order, by the number in their label: `layers.3.mlp`. */
function routingOf({ recorded, folder }: OpenModel): Routing {
  const routers = recorded.graph.nodes.filter(node => node.op === 'moe_route')
  const layers = routers.map(({ label }) => Number(/layers\.(\d+)/.exec(label)?.[1] ?? -1))
  return { layers, expertsPerToken: folder.config.moe?.numExpertsPerTok ?? 0 }
}

function hostOf(open: OpenModel, executor: Executor): EngineHost {
  const { maxBatchTokens, maxSequences, pageSize, numPages } = open.executorOptions
  const rowBytes = open.folder.config.vocabSize * 4
  // Not `open`: its parsed files would stay as long as the model.
  const { device } = open.executorOptions
  return {
    executor,
    sizes: { numPages, maxBatchTokens, maxSequences },
    pageSize,
    maxLogitRows: Math.max(1, Math.floor(maxLogitBytes / rowBytes)),
    kvBytesPerPage: open.plan.kvBytes / numPages,
    freeBytes: () => freeMemory(device),
  }
}
