/**
 * A loaded model: what callers hold.
 * @module
 */
import type { ChatMessage } from '../chat/messages.ts'
import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import type { Guard } from '../guard/guard.ts'
import type { CacheSizes, Executor } from '../native.ts'
import {
  type GenerateOptions,
  generateOptionNames,
  type SamplingDefaults,
} from '../sampling/options.ts'
import type { ChatOptions } from './chat-options.ts'
import type { Engine } from './engine.ts'
import type { Generation } from './generation.ts'
import { LogitsRequest } from './logits-request.ts'
import { expertLoads, ModelEngine } from './model-engine.ts'
import type { ModelInfo } from './model-info.ts'
import type { StepHost } from './packed-steps.ts'
import { checkIds } from './prompt.ts'
import { PromptRequests } from './prompt-requests.ts'
import { engineGenerateNames } from './request-options.ts'
import type { LayerRoutes, Routing } from './route-trace.ts'
import { RoutesRequest } from './routes-request.ts'
import { TextRequests } from './text-requests.ts'

/** What further engines on a model's weights are made of. */
export interface EngineHost {
  executor: StepHost & Pick<Executor, 'openCache' | 'closeCache' | 'expertCounts'>
  /** What the model's own engine has, and what the others have where nothing else is asked for. */
  sizes: CacheSizes
  pageSize: number
  maxLogitRows: number
  kvBytesPerPage: number
  /** Bytes that further pages may take. */
  freeBytes: () => Promise<number>
}

export interface ModelParts {
  engine: Engine
  info: Readonly<ModelInfo>
  tokenizer: ModelTokenizer | null
  defaults: SamplingDefaults
  routing: Routing
  prefixCache: boolean
  host: EngineHost
  /** Paths of the files that the weights were read from. */
  weightFiles: readonly string[]
}

/**
 * One model on one engine; any number of requests may run at once and share its steps.
 * @example
 * await using model = await loadModel('./Qwen3-0.6B')
 * console.log((await model.generate('Once upon a time').result()).text)
 */
export class Model {
  readonly info: Readonly<ModelInfo>
  /** null in a folder without tokenizer.json: such a model takes and gives token ids. */
  readonly tokenizer: ModelTokenizer | null
  readonly #parts: ModelParts
  readonly #engine: Engine
  readonly #texts: TextRequests
  #own: ModelEngine | undefined
  /** Engines made of this model that are not disposed. */
  readonly #others = new Set<AsyncDisposable>()

  constructor(parts: ModelParts) {
    const { vocabSize, maxContext } = parts.info
    this.info = parts.info
    this.tokenizer = parts.tokenizer
    this.#parts = parts
    this.#engine = parts.engine
    this.#texts = new TextRequests({ ...parts, vocabSize, maxContext, names: generateOptionNames })
  }

  /** What {@link createEngine} needs of a model; an engine is in `others` until it is disposed. */
  static partsOf(model: Model): ModelParts & { others: Set<AsyncDisposable> } {
    return { ...model.#parts, others: model.#others }
  }

  /** @internal Its own engine, with a guard or without. */
  static ownEngine(model: Model, guard: Guard | undefined): ModelEngine {
    return model.#ownEngine(guard)
  }

  /**
   * The engine that the model has by itself, as one that `createEngine` makes: with `n`,
   * `priority`, `stats()` and the rest. Disposing of it ends the model.
   * @example
   * console.log(model.engine.stats().running)
   */
  get engine(): ModelEngine {
    this.#own ??= this.#ownEngine()
    return this.#own
  }

  #ownEngine(guard?: Guard): ModelEngine {
    const { engine, host, routing, tokenizer } = this.#parts
    const { vocabSize, maxContext } = this.info
    const sizes = { engine, vocabSize, maxContext, tokenizer, guard }
    return new ModelEngine({
      engine,
      texts: new TextRequests({ ...this.#parts, ...sizes, names: engineGenerateNames }),
      prompts: new PromptRequests(sizes),
      guard,
      expertLoads: () => expertLoads(host.executor.expertCounts(0), routing.layers),
      onDispose: () => void this.dispose(),
    })
  }

  /**
   * Continues a prompt: text (control tokens in it stay text) or token ids in [0, vocabSize).
   * Options left out come from the model's generation_config.json. Errors come from the result or
   * the iterator: `invalid_request`, `context_length_exceeded`, `kv_capacity`, `numerical_error`,
   * `disposed`.
   * @example
   * const answer = model.generate('1, 2, 3,', { maxTokens: 16 })
   * for await (const { text } of answer) process.stdout.write(text)
   */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Generation {
    return this.#texts.generate(prompt, options)
  }

  /**
   * Answers a conversation through the model's chat template; text in a message never becomes a
   * control token. Errors as in {@link generate}, and `template_error` or `template_limit`.
   * @example
   * const answer = model.chat([{ role: 'user', content: 'Hello!' }], { maxTokens: 64 })
   * console.log((await answer.result()).text)
   */
  chat(messages: ChatMessage[], options: ChatOptions = {}): Generation {
    return this.#texts.chat(messages, options)
  }

  /**
   * Logits of every token: (num_tokens × vocab_size) f32, row-major; row i is what follows ids[0 …
   * i]. No guard looks at them, nor at the ids. Throws `invalid_request`, `context_length_exceeded`, `insufficient_memory` or `disposed`.
   * @example
   * const logits = await model.logits([1, 2, 3])
   * const last = logits.subarray(2 * model.info.vocabSize)
   */
  async logits(ids: ArrayLike<number>): Promise<Float32Array> {
    const engine = this.#engine
    engine.assertAlive()
    const { vocabSize, maxContext } = this.info
    const checked = checkIds(ids, vocabSize, maxContext)
    const request = new LogitsRequest(engine.nextId(), checked, vocabSize, engine.now())
    engine.submit(request)
    return request.logits
  }

  /**
   * The experts that each token of a prompt chooses, layer by layer; [] in a dense model. No guard
   * looks at them, nor at the ids.
   * Throws `invalid_request`, `context_length_exceeded` or `disposed`.
   * @example
   * const [{ layer, expertIds }] = await model.routes([1, 2, 3])
   * console.log(layer, expertIds[2]) // what the third token chose
   */
  async routes(ids: ArrayLike<number>): Promise<LayerRoutes[]> {
    const engine = this.#engine
    engine.assertAlive()
    const checked = checkIds(ids, this.info.vocabSize, this.info.maxContext)
    const request = new RoutesRequest(engine.nextId(), checked, this.#parts.routing, engine.now())
    engine.submit(request)
    return request.routes
  }

  /**
   * Frees native memory once the step in progress is over; requests in flight end as 'aborted', and
   * engines made of this model end with it. Idempotent.
   */
  async dispose(): Promise<void> {
    await Promise.all([...this.#others].map(other => other[Symbol.asyncDispose]()))
    await this.#engine.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}
