/**
 * What is told to whoever watches: the new texts of a request, and the answers.
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import type { Call } from '../endpoint.ts'

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

/** Every text in a message, in its parts, in a list of prompts. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (!isObject(value)) return []
  return [value.content, value.text, value.output].flatMap(textsOf)
}

const isAnswer = (one: unknown): boolean =>
  isObject(one) && (one.role === 'assistant' || one.type === 'function_call')

/** What a request adds: a conversation's messages behind the last answer, an input, prompts. */
function askedText({ body, serving }: Call<unknown>): string {
  const { messages, input, prompt } = body as Json
  const list = messages ?? input ?? prompt
  if (Array.isArray(list) && list.flat().some(one => typeof one === 'number')) {
    const { tokenizer } = serving.model
    const lists = (typeof list[0] === 'number' ? [list] : list) as number[][]
    return lists.map(ids => tokenizer?.decode(ids) ?? '').join('\n')
  }
  if (!Array.isArray(list)) return textsOf(list).join('\n')
  return textsOf(list.slice(list.findLastIndex(isAnswer) + 1)).join('\n')
}

/** The end user where the client names one, else whoever holds the key. */
function subjectOf({ body, tenant }: Call<unknown>): string {
  const { safety_identifier: safety, user, metadata } = body as Json
  const named = safety ?? user ?? (isObject(metadata) ? metadata.user_id : undefined)
  return typeof named === 'string' ? `${tenant.id} ${named}` : tenant.id
}

const mostGroups = 32
/** The key says whose text it is, the request for whom; without a header, for nobody else. */
function groupsOf({ tenant, request }: Call<unknown>) {
  const named = request.headers.get('x-conclave-to')?.split(',') ?? []
  const to = named.map(name => name.trim()).filter(name => name !== '')
  return {
    ...(tenant.group !== undefined && { group: tenant.group }),
    ...(to.length > 0 && { to: to.slice(0, mostGroups) }),
  }
}

/** Tells of a request that was taken. Waits for nothing, and no failure reaches the client. */
export function observeRequest(call: Call<unknown>): void {
  if (call.serving.options.observe !== undefined) tell(call, 'input', askedText(call))
}

/** Tells of the answers of a request, as they left. */
export function observeAnswers(call: Call<unknown>, answers: readonly GenerationResult[]): void {
  for (const { text } of answers) tell(call, 'output', text)
}

function tell(call: Call<unknown>, direction: 'input' | 'output', text: string): void {
  const { observe, log } = call.serving.options
  if (observe === undefined || text === '') return
  const about = { requestId: call.id, subject: subjectOf(call), direction, ...groupsOf(call) }
  const work = async () => {
    await observe({ ...about, text })
  }
  // What is thrown may quote the text.
  work().catch(() => log.error({ id: call.id, direction }, 'a message was not observed'))
}
