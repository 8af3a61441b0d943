/**
 * A loaded model: what callers hold.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { ChatMessage } from '../chat/messages.ts'
import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import { ConclaveError } from '../errors.ts'
import { checkNames, checkSignal } from '../sampling/check.ts'
import { toNative } from '../sampling/native-params.ts'
import {
  type GenerateOptions,
  generateOptionNames,
  type SamplingDefaults,
} from '../sampling/options.ts'
import { resolveSampling, type SamplingParams } from '../sampling/params.ts'
import { Answer } from './answer.ts'
import { type ChatOptions, splitChatOptions } from './chat-options.ts'
import type { Engine } from './engine.ts'
import { GenerateRequest } from './generate-request.ts'
import { Generation, type GenerationEvents } from './generation.ts'
import { LogitsRequest } from './logits-request.ts'
import type { ModelInfo } from './model-info.ts'
import { checkIds, promptIds } from './prompt.ts'
import { type LayerRoutes, RoutesRequest, type Routing } from './routes-request.ts'

export interface ModelParts {
  engine: Engine
  info: Readonly<ModelInfo>
  tokenizer: ModelTokenizer | null
  defaults: SamplingDefaults
  routing: Routing
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
  readonly #engine: Engine
  readonly #defaults: SamplingDefaults
  readonly #routing: Routing

  constructor({ engine, info, tokenizer, defaults, routing }: ModelParts) {
    this.info = info
    this.tokenizer = tokenizer
    this.#engine = engine
    this.#defaults = defaults
    this.#routing = routing
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
    return new Generation(async events => {
      const submitted = this.#engine.now()
      this.#engine.assertAlive()
      checkNames(options, generateOptionNames)
      const { vocabSize, maxContext } = this.info
      const ids = promptIds(prompt, this.tokenizer?.tokenizer ?? null, vocabSize, maxContext)
      return this.#submit(ids, options, events, submitted)
    })
  }

  /**
   * Answers a conversation through the model's chat template; text in a message never becomes a
   * control token. Errors as in {@link generate}, and `template_error` or `template_limit`.
   * @example
   * const answer = model.chat([{ role: 'user', content: 'Hello!' }], { maxTokens: 64 })
   * console.log((await answer.result()).text)
   */
  chat(messages: ChatMessage[], options: ChatOptions = {}): Generation {
    return new Generation(async events => {
      const submitted = this.#engine.now()
      this.#engine.assertAlive()
      const { template, generate } = splitChatOptions(options)
      if (this.tokenizer === null)
        throw new ConclaveError(
          'invalid_request',
          'Expected a model with a tokenizer for chat, but its folder has no tokenizer.json. ' +
            'Use generate with token ids.',
        )
      const { ids } = this.tokenizer.applyChatTemplate(messages, template)
      const { vocabSize, maxContext } = this.info
      return this.#submit(checkIds(ids, vocabSize, maxContext), generate, events, submitted)
    })
  }

  /**
   * Logits of every token: (num_tokens × vocab_size) f32, row-major; row i is what follows ids[0 …
   * i]. Throws `invalid_request`, `context_length_exceeded`, `insufficient_memory` or `disposed`.
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
   * The experts that each token of a prompt chooses, layer by layer; [] in a dense model.
   * Throws `invalid_request`, `context_length_exceeded` or `disposed`.
   * @example
   * const [{ layer, expertIds }] = await model.routes([1, 2, 3])
   * console.log(layer, expertIds[2]) // what the third token chose
   */
  async routes(ids: ArrayLike<number>): Promise<LayerRoutes[]> {
    const engine = this.#engine
    engine.assertAlive()
    const checked = checkIds(ids, this.info.vocabSize, this.info.maxContext)
    const request = new RoutesRequest(engine.nextId(), checked, this.#routing, engine.now())
    engine.submit(request)
    return request.routes
  }

  /**
   * Frees native memory once the step in progress is over; requests in flight end as 'aborted'.
   * Idempotent.
   */
  dispose(): Promise<void> {
    return this.#engine.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #submit(
    ids: Int32Array,
    options: GenerateOptions,
    events: GenerationEvents,
    submitted: number,
  ): () => void {
    const signal = checkSignal(options.signal)
    const params = this.#resolve(options, ids.length)
    const engine = this.#engine
    const ask = {
      id: engine.nextId(),
      promptIds: ids,
      params,
      sampling: toNative(params, this.#vocabLimit),
      answer: new Answer(params, this.tokenizer?.tokenizer ?? null),
      submitted,
    }
    const abort = () => engine.abort(request)
    const request = new GenerateRequest(ask, events, () =>
      signal?.removeEventListener('abort', abort),
    )
    if (signal?.aborted) {
      request.end('aborted')
      return () => {}
    }
    engine.submit(request)
    signal?.addEventListener('abort', abort, { once: true })
    return abort
  }

  #resolve(options: GenerateOptions, promptTokens: number): Readonly<SamplingParams> {
    const params = resolveSampling(options, {
      defaults: this.#defaults,
      vocabLimit: this.#vocabLimit,
      promptTokens,
      maxContext: this.info.maxContext,
      randomSeed: () => randomBytes(8).readBigUInt64LE() >> 11n,
    })
    const bansAll = params.minTokens > 0 && params.endTokenIds.size >= this.#vocabLimit
    if (bansAll)
      throw new ConclaveError(
        'invalid_request',
        'Expected at least one token that may be sampled, but minTokens bans all of them.',
      )
    return params
  }

  /** Ids from here on have no token: rows that only pad the vocabulary are never sampled. */
  get #vocabLimit(): number {
    const { vocabSize } = this.info
    return Math.min(vocabSize, this.tokenizer?.tokenizer.vocabSize ?? vocabSize)
  }
}
