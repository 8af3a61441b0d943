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
import { type Guard, guardedText, guardOf, openFilter } from '../guard/guard.ts'
import { GuardedData } from '../guard/guarded-data.ts'
import type { GuardedText } from '../guard/guarded-text.ts'
import type { GuardPolicy } from '../guard/policy.ts'
import { JoinedBlocks } from './joined-blocks.ts'

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

/**
 * Each text, reasoning and tool input of a stream passes a guard of its own, where JSON stays
 * valid; texts and reasoning that follow one another pass one more, as one text.
 */
class GuardedParts {
  readonly #guard: Guard
  readonly #texts = new Map<string, GuardedText>()
  #joined: JoinedBlocks | undefined
  #blocked = false

  constructor(guard: Guard) {
    this.#guard = guard
  }

  transform(
    part: LanguageModelV3StreamPart,
    out: TransformStreamDefaultController<LanguageModelV3StreamPart>,
  ): void {
    // Raw chunks hold what is masked elsewhere.
    if (part.type === 'raw') return
    if (isBlockPart(part)) {
      if (!this.#blocked) this.#block(part, out)
      return
    }
    this.flush()
    if (part.type === 'finish')
      out.enqueue(this.#blocked ? { ...part, finishReason: filtered } : part)
    else if (this.#blocked) return
    else if (isToolPart(part)) this.#toolInput(part, out)
    else if (part.type === 'error')
      out.enqueue({ ...part, error: guardedError(this.#guard, part.error) })
    else {
      const looked = new GuardedData(this.#guard, 'output')
      const shown = looked.value(part)
      this.#blocked = looked.blocked
      if (!this.#blocked) out.enqueue(shown)
    }
  }

  /** What was held back leaves: nothing that follows goes on with the text. */
  flush(): void {
    this.#joined?.end()
    this.#blocked ||= this.#joined?.blocked === true
    this.#joined = undefined
  }

  #block(part: BlockPart, out: TransformStreamDefaultController<LanguageModelV3StreamPart>): void {
    const block = {
      kind: part.type.startsWith('text') ? 'text' : 'reasoning',
      id: part.id,
    } as const
    this.#joined ??= new JoinedBlocks(openFilter(this.#guard, 'output'), one => out.enqueue(one))
    const text = this.#text(`${block.kind} ${block.id}`)
    if ('delta' in part) this.#joined.text(block, text.push(part.delta))
    else if (part.type.endsWith('-end')) this.#joined.text(block, text.end())
    this.#blocked = text.blocked || this.#joined.blocked
    if (this.#blocked) this.flush()
    else if (!('delta' in part)) this.#joined.part(this.#about(part))
    // What is told of a block, such as the signature of a thought, comes with a piece of it.
    else if (part.providerMetadata) this.#joined.part(this.#about({ ...part, delta: '' }))
  }

  /** The same part; what the provider tells of it passes the guard. */
  #about<Part extends BlockPart>(part: Part): Part {
    if (part.providerMetadata === undefined) return part
    const looked = new GuardedData(this.#guard, 'output')
    const providerMetadata = looked.value(part.providerMetadata)
    this.#blocked ||= looked.blocked
    return { ...part, providerMetadata: looked.blocked ? {} : providerMetadata }
  }

  #toolInput(
    part: ToolPart,
    out: TransformStreamDefaultController<LanguageModelV3StreamPart>,
  ): void {
    const { id } = part
    const text = this.#text(`tool-input ${id}`)
    const delta =
      'delta' in part ? text.push(part.delta) : part.type === 'tool-input-end' ? text.end() : ''
    if (delta !== '') out.enqueue({ type: 'tool-input-delta', id, delta })
    this.#blocked = text.blocked
    if (!this.#blocked && !('delta' in part)) out.enqueue(part)
  }

  #text(key: string): GuardedText {
    const text = this.#texts.get(key) ?? guardedText(this.#guard, 'output')
    this.#texts.set(key, text)
    return text
  }
}

type BlockPart = Extract<LanguageModelV3StreamPart, { type: `${'text' | 'reasoning'}-${string}` }>
type ToolPart = Extract<LanguageModelV3StreamPart, { type: `tool-input-${string}` }>

const isBlockPart = (part: LanguageModelV3StreamPart): part is BlockPart =>
  /^(?:text|reasoning)-/.test(part.type)
const isToolPart = (part: LanguageModelV3StreamPart): part is ToolPart =>
  part.type.startsWith('tool-input-')
