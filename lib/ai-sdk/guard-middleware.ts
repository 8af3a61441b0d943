/**
 * The guard as middleware of the AI SDK, for any provider's model.
 * @module
 */
import type {
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3GenerateResult,
  LanguageModelV3Middleware,
  LanguageModelV3StreamPart,
} from '@ai-sdk/provider'
import { ConclaveError } from '../errors.ts'
import { type Guard, guardedText, guardOf } from '../guard/guard.ts'
import { GuardedInput } from '../guard/guarded-input.ts'
import type { GuardedText } from '../guard/guarded-text.ts'
import type { GuardPolicy } from '../guard/policy.ts'

const filtered = { unified: 'content-filter', raw: 'content_filter' } as const

/**
 * Middleware for `wrapLanguageModel`: masks what goes to the model and what comes from it, text,
 * reasoning and tool calls; ends the answer with `content-filter` at a block. A prompt that the
 * policy blocks is refused with `invalid_request`.
 * @example
 * const guarded = wrapLanguageModel({ model, middleware: guardMiddleware('default') })
 */
export function guardMiddleware(
  policy: 'default' | GuardPolicy | Guard = 'default',
): LanguageModelV3Middleware {
  const guard = guardOf(policy)
  return {
    specificationVersion: 'v3',
    transformParams: async ({ params }) => guardedParams(guard, params),
    wrapGenerate: async ({ doGenerate }) => guardedResult(guard, await doGenerate()),
    wrapStream: async ({ doStream }) => {
      const { stream, ...rest } = await doStream()
      return { ...rest, stream: stream.pipeThrough(new TransformStream(new GuardedParts(guard))) }
    },
  }
}

function guardedParams(
  guard: Guard,
  params: LanguageModelV3CallOptions,
): LanguageModelV3CallOptions {
  const input = new GuardedInput(guard)
  const prompt = input.value(params.prompt)
  if (!input.blocked) return { ...params, prompt }
  throw new ConclaveError(
    'invalid_request',
    'Expected a prompt that the guard lets pass, but its policy blocks this one.',
    { reason: 'content_filter' },
  )
}

function guardedResult(
  guard: Guard,
  result: LanguageModelV3GenerateResult,
): LanguageModelV3GenerateResult {
  const content: LanguageModelV3Content[] = []
  for (const part of result.content) {
    const source = part.type === 'tool-call' ? part.input : 'text' in part ? part.text : undefined
    const scanned = source === undefined ? undefined : guard.scanJson(source)
    if (scanned?.blocked && part.type === 'tool-call')
      return { ...result, content, finishReason: filtered }
    if (scanned === undefined) content.push(part)
    else if (part.type === 'tool-call') content.push({ ...part, input: scanned.text })
    else content.push({ ...part, text: scanned.text } as LanguageModelV3Content)
    if (scanned?.blocked) return { ...result, content, finishReason: filtered }
  }
  return { ...result, content }
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
    } else if (part.type === 'tool-call') {
      const { text, blocked } = this.#guard.scanJson(part.input)
      this.#blocked = blocked
      if (!blocked) out.enqueue({ ...part, input: text })
    } else out.enqueue(part)
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
