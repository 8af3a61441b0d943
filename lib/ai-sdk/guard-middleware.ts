/**
 * The guard as middleware of the AI SDK, for any provider's model.
 * @module
 */
import type {
  LanguageModelV3CallOptions,
  LanguageModelV3GenerateResult,
  LanguageModelV3Middleware,
  LanguageModelV3StreamPart,
} from '@ai-sdk/provider'
import { ConclaveError } from '../errors.ts'
import { type Guard, guardedText, guardOf } from '../guard/guard.ts'
import { GuardedData } from '../guard/guarded-data.ts'
import type { GuardedText } from '../guard/guarded-text.ts'
import type { GuardPolicy } from '../guard/policy.ts'

const filtered = { unified: 'content-filter', raw: 'content_filter' } as const

/**
 * Middleware for `wrapLanguageModel`: masks what goes to the model and what comes from it, text,
 * reasoning, tool calls and errors; ends the answer with `content-filter` at a block. A prompt that
 * the policy blocks or that the guard cannot read is refused with `invalid_request`.
 * @example
 * const guarded = wrapLanguageModel({ model, middleware: guardMiddleware('default') })
 */
export function guardMiddleware(
  policy: 'default' | GuardPolicy | Guard = 'default',
): LanguageModelV3Middleware {
  const guard = guardOf(policy)
  const refuse = (error: unknown): never => {
    throw guardedError(guard, error)
  }
  return {
    specificationVersion: 'v3',
    transformParams: async ({ params }) => guardedParams(guard, params),
    wrapGenerate: async ({ doGenerate }) => {
      const result = await doGenerate().then(undefined, refuse)
      return guardedResult(guard, result)
    },
    wrapStream: async ({ doStream }) => {
      const { stream, ...rest } = await doStream().then(undefined, refuse)
      return { ...rest, stream: stream.pipeThrough(new TransformStream(new GuardedParts(guard))) }
    },
  }
}

function guardedParams(
  guard: Guard,
  params: LanguageModelV3CallOptions,
): LanguageModelV3CallOptions {
  const input = new GuardedData(guard, 'input')
  const prompt = input.value(params.prompt)
  const tools = input.value(params.tools)
  if (!input.blocked) return { ...params, prompt, ...(tools && { tools }) }
  throw new ConclaveError(
    'invalid_request',
    'Expected a prompt that the guard lets pass, but its policy blocks this one.',
    { reason: 'content_filter' },
  )
}

function guardedResult(
  guard: Guard,
  { response, ...result }: LanguageModelV3GenerateResult,
): LanguageModelV3GenerateResult {
  const looked = new GuardedData(guard, 'output')
  const content = looked.value(result.content)
  // The body of the response says again what is masked here.
  const { body: _, ...about } = response ?? {}
  const rest = { ...result, ...(response && { response: about }) }
  if (!looked.blocked) return { ...rest, content }
  // Behind the block texts are empty, and a tool call is no call.
  const texts = content.filter(part => 'text' in part && part.text !== '')
  return { ...rest, content: texts, finishReason: filtered }
}

/** Errors quote what a server said: where the guard finds something in one, its message is masked. */
function guardedError(guard: Guard, error: unknown): unknown {
  if (error instanceof ConclaveError && error.details.reason === 'content_filter') return error
  const { message = String(error) } = (error ?? {}) as { message?: string }
  let whole = message
  try {
    whole += `\n${JSON.stringify(error)}`
  } catch {}
  const { matches } = guard.scan(whole)
  if (!matches.some(match => match.action !== 'score')) return error
  return new ConclaveError('engine_failed', guard.scanJson(message).text)
}

/** Each text, reasoning and tool input of a stream passes a guard of its own. */
class GuardedParts {
  readonly #guard: Guard
  readonly #texts = new Map<string, GuardedText>()
  #blocked = false

  constructor(guard: Guard) {
    this.#guard = guard
  }

  transform(
    part: LanguageModelV3StreamPart,
    out: TransformStreamDefaultController<LanguageModelV3StreamPart>,
  ): void {
    if (part.type === 'finish') {
      out.enqueue(this.#blocked ? { ...part, finishReason: filtered } : part)
      return
    }
    // Raw chunks hold what is masked elsewhere.
    if (this.#blocked || part.type === 'raw') return
    const [kind, place] = placeOf(part.type)
    if (place === 'delta' && 'delta' in part) {
      const text = this.#text(`${kind} ${part.id}`)
      this.#give(out, part, text.push(part.delta), text)
    } else if (place === 'end' && 'id' in part) {
      const text = this.#text(`${kind} ${part.id}`)
      const delta = { type: `${kind}-delta`, id: part.id, delta: '' } as LanguageModelV3StreamPart
      this.#give(out, delta, text.end(), text)
      if (!this.#blocked) out.enqueue(part)
    } else if (part.type === 'error') {
      out.enqueue({ ...part, error: guardedError(this.#guard, part.error) })
    } else {
      const looked = new GuardedData(this.#guard, 'output')
      const shown = looked.value(part)
      this.#blocked = looked.blocked
      if (!this.#blocked) out.enqueue(shown)
    }
  }

  #text(key: string): GuardedText {
    const text = this.#texts.get(key) ?? guardedText(this.#guard, 'output')
    this.#texts.set(key, text)
    return text
  }

  #give(
    out: TransformStreamDefaultController<LanguageModelV3StreamPart>,
    part: LanguageModelV3StreamPart,
    delta: string,
    { blocked }: GuardedText,
  ): void {
    if (delta !== '') out.enqueue({ ...part, delta } as LanguageModelV3StreamPart)
    this.#blocked ||= blocked
  }
}

/** `tool-input-delta` → `tool-input`, `delta`. */
function placeOf(type: string): [string, string] {
  const cut = type.lastIndexOf('-')
  const kind = type.slice(0, cut)
  return ['text', 'reasoning', 'tool-input'].includes(kind) ? [kind, type.slice(cut + 1)] : ['', '']
}
