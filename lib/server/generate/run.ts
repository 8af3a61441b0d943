/**
 * One generation as reply events, counted in the metrics.
 * @module
 */
import { ConclaveError } from '../../errors.ts'
import type { Call, Running } from '../endpoint.ts'
import { Refusal } from '../refusal.ts'
import type { Generation } from '../served-model.ts'
import { observeAnswers, observeRequest } from './observed.ts'
import type { ReplyEvent, ReplyEvents, ReplyUsage } from './reply.ts'
import type { ReplyReader } from './reply-reader.ts'
import type { Form } from './structured.ts'

/** `readers[i]` reads answer i. Rejects where the request is refused, before its first token. */
export async function startReplies(
  call: Call,
  generation: Generation,
  readers: readonly ReplyReader[],
  form?: Form | undefined,
): Promise<ReplyEvents> {
  const begun = performance.now()
  try {
    await generation.started()
  } catch (error) {
    throw form === undefined ? error : formError(form, error)
  }
  const running = { stop: () => generation.stop(), answers: readers.length }
  call.running.add(running)
  observeRequest(call)
  return replies(call, generation, readers, begun, running)
}

/** What cannot be enforced is the fault of the field that asks for it. */
function formError({ param }: Form, error: unknown): unknown {
  if (!(error instanceof ConclaveError) || !error.code.startsWith('grammar_')) return error
  return new Refusal({ status: 400, code: error.code, message: error.message, param })
}

async function* replies(
  call: Call,
  generation: Generation,
  readers: readonly ReplyReader[],
  begun: number,
  running: Running,
): ReplyEvents {
  const { metrics } = call.serving
  const last: (number | undefined)[] = readers.map(() => undefined)
  for await (const chunk of generation) {
    const { index = 0, logprobs } = chunk
    const now = performance.now()
    const before = last[index]
    metrics.piece(chunk.tokenIds.length, before === undefined ? undefined : now - before)
    last[index] = now
    const events: ReplyEvent[] = []
    if (logprobs !== undefined) events.push({ kind: 'logprobs', index, logprobs })
    for (const delta of readers[index]!.read(chunk)) events.push({ kind: 'delta', index, delta })
    yield events
  }
  const result = await generation.result()
  // A refused prompt has one result for all of its answers.
  const answers = result.answers ?? readers.map(() => result)
  if (answers.some(answer => answer.finishReason === 'aborted')) throw aborted(call)
  observeAnswers(call, answers)
  const events: ReplyEvent[] = []
  for (const [index, reader] of readers.entries()) {
    const { deltas, reason } = reader.finish(answers[index]!.finishReason)
    for (const delta of deltas) events.push({ kind: 'delta', index, delta })
    events.push({ kind: 'finish', index, reason, tokenIds: answers[index]!.tokenIds })
  }
  const usage: ReplyUsage = {
    ...result.usage,
    reasoningTokens: readers.reduce((sum, reader) => sum + reader.reasoningTokens, 0),
  }
  call.running.delete(running)
  for (const [index, answer] of answers.entries()) {
    const { prefillMs, decodeMs, timeToFirstTokenMs } = answer.timings
    metrics.finished({
      promptTokens: answer.usage.promptTokens,
      // The first of several carries the sum of all.
      completionTokens: answer.tokenIds.length,
      finishReason: readers[index]!.reason,
      queueMs: Math.max(0, timeToFirstTokenMs - prefillMs),
      prefillMs,
      decodeMs,
      timeToFirstTokenMs,
      endToEndMs: performance.now() - begun,
    })
  }
  events.push({ kind: 'end', usage, result })
  yield events
}

function aborted({ signal }: Call): ConclaveError {
  return signal.aborted
    ? new ConclaveError('aborted', 'The client went away.')
    : new ConclaveError('disposed', 'The model was disposed during the request.')
}
