/**
 * An engine as callers hold it: many requests at once over pages of its own.
 * @module
 */
import type { ChatMessage } from '../chat/messages.ts'
import type { ConclaveError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import type { Pooling } from './embed-request.ts'
import type { Engine, EngineCounts } from './engine.ts'
import type { Generation } from './generation.ts'
import type { PromptRequests } from './prompt-requests.ts'
import type { EngineChatOptions, EngineGenerateOptions } from './request-options.ts'
import type { PromptLogprob } from './score-request.ts'
import type { TextRequests } from './text-requests.ts'

/** How the tokens of one sparse layer were spread since the engine was made. */
export interface ExpertLoad {
  layer: number
  /** Tokens that chose each expert. */
  tokens: number[]
  /** The busiest expert's tokens over the mean: 1 where all are alike, 0 where none has any. */
  imbalance: number
}

export interface EngineStats extends EngineCounts {
  /** One entry a sparse layer; [] in dense models and after `dispose`. */
  experts: ExpertLoad[]
}

export interface ModelEngineParts {
  engine: Engine
  texts: TextRequests
  prompts: PromptRequests
  guard?: Guard | undefined
  expertLoads: () => ExpertLoad[]
  onDispose: () => void
}

/**
 * Made by `createEngine`. Requests share its steps, its pages and the prefixes kept in them; the
 * weights are the model's.
 */
export class ModelEngine {
  readonly #parts: ModelEngineParts
  #disposed: Promise<void> | undefined

  constructor(parts: ModelEngineParts) {
    this.#parts = parts
  }

  /** The guard that it was made with. */
  get guard(): Guard | undefined {
    return this.#parts.guard
  }

  /**
   * As `model.generate`, with `n`, `priority`, `cacheSalt` and `timeoutMs`. Errors as there, and
   * `timeout`.
   * @example
   * const answers = prompts.map(p => engine.generate(p, { maxTokens: 64, timeoutMs: 30_000 }))
   * for (const { text } of await Promise.all(answers.map(a => a.result()))) console.log(text)
   */
  generate(prompt: string | ArrayLike<number>, options: EngineGenerateOptions = {}): Generation {
    return this.#parts.texts.generate(prompt, options)
  }

  /**
   * As `model.chat`, with the options of {@link ModelEngine.generate}.
   * @example
   * const answer = engine.chat([{ role: 'user', content: 'Hello!' }], { cacheSalt: tenant })
   * console.log((await answer.result()).usage.cachedTokens)
   */
  chat(messages: ChatMessage[], options: EngineChatOptions = {}): Generation {
    return this.#parts.texts.chat(messages, options)
  }

  /**
   * Log-probability (natural logarithm, before temperature) of each token of a prompt given those
   * before it, null for the first; `top` alternatives each, 0 … 20. With a guard the tokens are
   * those of the masked prompt; one that the policy blocks is an `invalid_request`. Throws that,
   * `context_length_exceeded`, `kv_capacity`, `aborted` or `disposed`.
   * @example
   * const [, second] = await engine.score(model.tokenizer.encode('Once upon'))
   * console.log(second.logprob)
   */
  score(
    ids: ArrayLike<number>,
    options: { top?: number; signal?: AbortSignal } = {},
  ): Promise<(PromptLogprob | null)[]> {
    return this.#parts.prompts.score(ids, options)
  }

  /**
   * A vector (hidden_size) of length 1 for a prompt: the mean of its tokens' last hidden states
   * (default), or the last token's. Errors as in {@link ModelEngine.score}.
   * @example
   * const vector = await engine.embed(model.tokenizer.encode('a fox'), { pooling: 'last' })
   */
  embed(
    ids: ArrayLike<number>,
    options: { pooling?: Pooling; signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    return this.#parts.prompts.embed(ids, options)
  }

  /**
   * Set once the GPU has failed for this process (a kernel that broke, or hangs): requests then end
   * with this `engine_failed`, and only another process helps. A server's /health says 503.
   */
  get failure(): ConclaveError | undefined {
    return this.#parts.engine.failure
  }

  /** What it holds now, and counts since it was made. */
  stats(): EngineStats {
    const experts = this.#disposed === undefined ? this.#parts.expertLoads() : []
    return { ...this.#parts.engine.stats(), experts }
  }

  /**
   * Ends its requests as 'aborted' and frees its pages once the step in progress is over; the model
   * stays. Idempotent.
   */
  dispose(): Promise<void> {
    this.#disposed ??= this.#parts.engine.dispose().finally(this.#parts.onDispose)
    return this.#disposed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** Counts of all experts of all sparse layers in turn → one entry a layer. */
export function expertLoads(counts: Float64Array, layers: readonly number[]): ExpertLoad[] {
  const width = layers.length > 0 ? counts.length / layers.length : 0
  return layers.map((layer, i) => {
    const tokens = Array.from(counts.subarray(i * width, (i + 1) * width))
    const total = tokens.reduce((sum, n) => sum + n, 0)
    const imbalance = total > 0 ? (Math.max(...tokens) * tokens.length) / total : 0
    return { layer, tokens, imbalance }
  })
}
