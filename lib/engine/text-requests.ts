/**
 * Prompts and conversations with their options → requests on an engine.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { ChatMessage } from '../chat/messages.ts'
import type { ModelTokenizer } from '../chat/model-tokenizer.ts'
import type { ThinkingStart } from '../chat/reply-format.ts'
import { ConclaveError } from '../errors.ts'
import { type Guard, type GuardMatch, guardedText } from '../guard/guard.ts'
import type { Grammar } from '../native.ts'
import { checkNames, checkSignal, invalid } from '../sampling/check.ts'
import { toNative } from '../sampling/native-params.ts'
import type { SamplingDefaults } from '../sampling/options.ts'
import { resolveSampling, type SamplingParams } from '../sampling/params.ts'
import { checkStructured } from '../sampling/structured.ts'
import { Answer } from './answer.ts'
import { AnswerGuard } from './answer-guard.ts'
import { splitChatOptions } from './chat-options.ts'
import type { Engine } from './engine.ts'
import { GenerateRequest } from './generate-request.ts'
import { Generation, type GenerationEvents, type GenerationResult } from './generation.ts'
import { compileGrammar } from './grammars.ts'
import { guardedIds, guardedMessages, guardedPrompt, type Looked } from './guarded-input.ts'
import { checkIds, promptIds } from './prompt.ts'
import { randomSeed } from './random-seed.ts'
import {
  type CheckedRequestOptions,
  checkModeration,
  checkRequestOptions,
  type EngineChatOptions,
  type EngineGenerateOptions,
  refuseUnguarded,
} from './request-options.ts'
import { RouteTrace, type Routing } from './route-trace.ts'
import { SeveralAnswers } from './several-answers.ts'

type Prompt = string | ArrayLike<number>

export interface TextRequestParts {
  engine: Engine
  tokenizer: ModelTokenizer | null
  defaults: SamplingDefaults
  vocabSize: number
  /** Longest sequence of this engine, in tokens. */
  maxContext: number
  prefixCache: boolean
  /** What looks at everything that enters and leaves. */
  guard?: Guard | undefined
  routing: Routing
  /** Options that `generate` takes. */
  names: readonly string[]
}

/** What the guard found in the prompt, and what becomes of finds in the answer. */
interface Moderation {
  found: readonly GuardMatch[]
  output: 'score' | 'block'
}

/** A prompt that may pass; none: the guard ends the request. */
interface Allowed<T> {
  prompt: T | undefined
  moderation: Moderation | undefined
}

/** One request, or several that differ in their seed alone. */
interface Ask {
  ids: Int32Array
  params: Readonly<SamplingParams>
  request: CheckedRequestOptions
  cacheSalt: string | undefined
  grammar: Grammar | null
  moderation: Moderation | undefined
  signal: AbortSignal | undefined
  submitted: number
}

export class TextRequests {
  readonly #parts: TextRequestParts
  readonly #engine: Engine

  constructor(parts: TextRequestParts) {
    this.#parts = parts
    this.#engine = parts.engine
  }

  generate(prompt: string | ArrayLike<number>, options: EngineGenerateOptions): Generation {
    return new Generation(async events => {
      const submitted = this.#engine.now()
      this.#engine.assertAlive()
      const { names, tokenizer, vocabSize, maxContext } = this.#parts
      checkNames(options, names)
      if (prompt === undefined) throw invalid('the prompt', 'text or an array of token ids', prompt)
      const { prompt: allowed, moderation } = this.#allow(options, () => this.#look(prompt))
      if (allowed === undefined) return refuse(options, events, moderation)
      const ids = await promptIds(allowed, tokenizer?.tokenizer ?? null, vocabSize, maxContext)
      return this.#launch(await this.#ask(ids, options, submitted, moderation), events)
    })
  }

  chat(messages: ChatMessage[], options: EngineChatOptions): Generation {
    return new Generation(async events => {
      const submitted = this.#engine.now()
      this.#engine.assertAlive()
      const { names, tokenizer, vocabSize, maxContext } = this.#parts
      const { template, generate } = splitChatOptions(options, names)
      if (tokenizer === null)
        throw new ConclaveError(
          'invalid_request',
          'Expected a model with a tokenizer for chat, but its folder has no tokenizer.json. ' +
            'Use generate with token ids.',
        )
      if (messages === undefined) throw invalid('messages', 'a list of messages', messages)
      const { guard } = this.#parts
      const { prompt: allowed, moderation } = this.#allow(generate, () =>
        guard === undefined ? unlooked(messages) : guardedMessages(guard, messages),
      )
      if (allowed === undefined) return refuse(generate, events, moderation)
      const rendered = await tokenizer.prepareChat(allowed, template)
      const ids = checkIds(rendered.ids, vocabSize, maxContext)
      const { thinking } = tokenizer.replyStyle(rendered.text, Boolean(template.tools?.length))
      const ask = await this.#ask(ids, generate, submitted, moderation, thinking)
      return this.#launch(ask, events)
    })
  }

  async #ask(
    ids: Int32Array,
    options: EngineGenerateOptions,
    submitted: number,
    moderation: Moderation | undefined,
    thinking: ThinkingStart = 'off',
  ): Promise<Ask> {
    const signal = checkSignal(options.signal)
    const request = checkRequestOptions(options)
    const params = this.#resolve(options, ids.length)
    // Without a cache the answers to one prompt still share their pages, with nobody else.
    const own = request.n > 1 ? `answers ${randomUUID()}` : undefined
    const cacheSalt = this.#parts.prefixCache ? `salt ${request.cacheSalt}` : own
    const structured = checkStructured(options.structured)
    const grammar =
      structured === undefined
        ? null
        : await compileGrammar(this.#parts.tokenizer, structured, thinking, this.#vocabLimit)
    return { ids, params, request, cacheSalt, grammar, moderation, signal, submitted }
  }

  #launch(ask: Ask, events: GenerationEvents): () => void {
    const { n } = ask.request
    if (n === 1) return this.#submit(ask, events)
    // A signal of their own: each of them listens, and Node warns of more than ten on the caller's.
    const signal = ask.signal && AbortSignal.any([ask.signal])
    if (signal !== undefined) setMaxListeners(n, signal)
    const start = (i: number, each: GenerationEvents, onFirstToken: () => void) => {
      const seed = BigInt.asUintN(64, ask.params.seed + BigInt(i))
      const one = { ...ask, signal, params: { ...ask.params, seed } }
      return this.#submit(one, each, onFirstToken)
    }
    return new SeveralAnswers(n, start, events).run()
  }

  #submit(ask: Ask, events: GenerationEvents, onFirstToken?: () => void): () => void {
    const { ids, params, signal, cacheSalt, moderation, submitted } = ask
    const { priority, routes, timeoutMs } = ask.request
    const engine = this.#engine
    let timer: NodeJS.Timeout | undefined
    const abort = () => engine.abort(request)
    const parts = {
      id: engine.nextId(),
      promptIds: ids,
      params,
      sampling: toNative(params, this.#vocabLimit, ask.grammar),
      answer: this.#answer(params, moderation?.output === 'block'),
      found: moderation?.found,
      priority,
      cacheSalt: routes ? undefined : cacheSalt,
      routes: routes ? new RouteTrace(this.#parts.routing) : undefined,
      submitted,
      onFirstToken,
    }
    const request = new GenerateRequest(parts, events, () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    })
    // Alive when it was asked, disposed while the prompt was prepared: a request like any other.
    if (signal?.aborted || engine.isDisposed) {
      request.end('aborted')
      return () => {}
    }
    engine.submit(request)
    signal?.addEventListener('abort', abort, { once: true })
    if (timeoutMs !== undefined)
      timer = setTimeout(() => engine.fail(request, timedOut(timeoutMs)), timeoutMs)
    return abort
  }

  #answer(params: Readonly<SamplingParams>, blocks: boolean): Answer {
    const { guard, tokenizer } = this.#parts
    const watch = guard && new AnswerGuard(guardedText(guard, 'output', blocks))
    return new Answer(params, tokenizer?.tokenizer ?? null, watch)
  }

  /** Looks at a prompt, and says what the request's `moderation` makes of what is found. */
  #allow<T>(options: EngineGenerateOptions, look: () => Looked<T>): Allowed<T> {
    const asked = checkModeration(options, this.#parts.guard)
    refuseUnguarded(options, this.#parts.guard)
    const { value, matches } = look()
    const blocks = asked?.input === 'block' && matches.length > 0
    return {
      prompt: blocks ? undefined : value,
      moderation: asked && { found: matches, output: asked.output },
    }
  }

  #look(prompt: Prompt): Looked<Prompt> {
    const { guard, tokenizer } = this.#parts
    const isIds = Array.isArray(prompt) || ArrayBuffer.isView(prompt)
    if (guard === undefined || tokenizer === null) return unlooked(prompt)
    // What is neither is refused where it is read.
    if (typeof prompt !== 'string' && !isIds) return unlooked(prompt)
    return typeof prompt === 'string'
      ? guardedPrompt(guard, prompt)
      : guardedIds(guard, tokenizer.tokenizer, prompt)
  }

  #resolve(options: EngineGenerateOptions, promptTokens: number): Readonly<SamplingParams> {
    const params = resolveSampling(options, {
      defaults: this.#parts.defaults,
      vocabLimit: this.#vocabLimit,
      promptTokens,
      maxContext: this.#parts.maxContext,
      randomSeed,
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
    const { vocabSize, tokenizer } = this.#parts
    return Math.min(vocabSize, tokenizer?.tokenizer.vocabSize ?? vocabSize)
  }
}

const unlooked = <T>(value: T): Looked<T> => ({ value, matches: [] })

/** The guard let no model see the prompt. */
function refuse(
  { n = 1 }: EngineGenerateOptions,
  events: GenerationEvents,
  moderation: Moderation | undefined,
): () => void {
  const refused: GenerationResult = {
    text: '',
    tokenIds: [],
    finishReason: 'content_filter',
    usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
    timings: { prefillMs: 0, decodeMs: 0, tokensPerSecond: 0, timeToFirstTokenMs: 0 },
    seed: 0,
    ...(moderation && { moderation: { input: moderation.found, output: [] } }),
  }
  events.end(n > 1 ? { ...refused, answers: Array(n).fill(refused) } : refused)
  return () => {}
}

function timedOut(timeoutMs: number): ConclaveError {
  return new ConclaveError(
    'timeout',
    `Expected an answer within ${timeoutMs} ms, but it was not complete. Raise timeoutMs, lower ` +
      'maxTokens or send fewer requests at a time.',
    { timeoutMs },
  )
}
