/**
 * POST /v1/completions
 * @module
 */
import type { GenerationResult } from '../../engine/generation.ts'
import { type Call, endpoint } from '../endpoint.ts'
import { moderationObject, moderationOptions } from '../generate/moderation.ts'
import { echoedPrompt, promptList, promptTokens } from '../generate/prompts.ts'
import type { ReplyUsage } from '../generate/reply.ts'
import { engineOptions } from '../generate/sampling.ts'
import { formOf } from '../generate/structured.ts'
import { joinLogprobs, type TextLogprobs } from '../generate/text-logprobs.ts'
import { type TextEvent, type TextEvents, TextRun } from '../generate/text-run.ts'
import { usageObject } from '../generate/usage.ts'
import { checkModel } from '../model-name.ts'
import { badField } from '../refusal.ts'
import { jsonResponse } from '../response.ts'
import { type SseEvent, type SseEvents, sseResponse } from '../sse.ts'
import { textCompletion } from '../wire/answers.ts'
import { beyond } from '../wire/beyond-schema.ts'
import { type CompletionBody, completionBody } from '../wire/completions.ts'

export const completionsRoute = endpoint({
  method: 'POST',
  path: '/v1/completions',
  summary: 'Continues prompts, as OpenAI does; echo gives the log-probabilities of the prompt too',
  dialect: 'openai',
  finds: ['model'],
  works: true,
  body: completionBody,
  prompt: 'prompt',
  refuses: [
    beyond.context,
    beyond.noToken,
    beyond.answers,
    beyond.minTokens,
    beyond.tokenIds,
    beyond.oneForm,
    beyond.form,
    beyond.guard,
  ],
  answer: textCompletion,
  produces: ['text/event-stream'],
  async handle(call) {
    const { body, serving } = call
    checkModel(call, body.model)
    const runs = await startRuns(call)
    const head = {
      id: `cmpl-${call.id}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: serving.options.modelName,
    }
    const events = merged(runs)
    if (body.stream) return sseResponse(call, chunks(body, head, events), 'openai')
    return jsonResponse(call, await whole(body, head, runs.length, events))
  },
})

/** One run a prompt; all are taken, or none. */
async function startRuns(call: Call<CompletionBody>): Promise<TextRun[]> {
  const { body, serving } = call
  const { model } = serving
  const n = body.n ?? 1
  const maxTokens = body.max_tokens ?? 16
  if (maxTokens === 0 && !body.echo)
    throw badField('max_tokens', 'Expected max_tokens above 0, or echo: true beside it.')
  if (body.moderation && (body.echo || maxTokens === 0))
    throw badField('moderation', 'Expected no echo beside moderation: an echo is masked already.')
  const asked = promptList(body.prompt)
  const prompts = body.echo === true ? asked.map(one => echoedPrompt(model, one)) : asked
  if (prompts.length * n > 256)
    throw badField('n', 'Expected at most 256 answers in all: n times the prompts.')
  const form = formOf({ structured: body })
  const options = {
    ...engineOptions(call, body),
    ...(form ? { structured: form.structured } : {}),
    ...(typeof body.logprobs === 'number' ? { logprobs: body.logprobs } : {}),
    ...moderationOptions(serving.guard, body),
    maxTokens,
  }
  const lists = await promptTokens(model, prompts, 'prompt')
  const runs = prompts.map((prompt, i) => {
    const [ids, first, echo] = [lists[i]!, i * n, body.echo === true]
    return new TextRun(call, { prompt, ids, options, n, first, echo, form })
  })
  try {
    await Promise.all(runs.map(run => run.start()))
  } catch (error) {
    for (const run of runs) run.stop()
    throw error
  }
  return runs
}

/** Events of all runs as they come. */
async function* merged(runs: readonly TextRun[]): TextEvents {
  const next = (run: TextEvents) => {
    const coming = run.next().then(result => ({ run, result }))
    // Whoever waits hears of an error; where the client left meanwhile, nobody does.
    coming.catch(() => {})
    return coming
  }
  const waiting = new Map(
    runs.map(run => {
      const events = run.events()
      return [events, next(events)] as const
    }),
  )
  try {
    while (waiting.size > 0) {
      const { run, result } = await Promise.race(waiting.values())
      if (result.done) waiting.delete(run)
      else {
        waiting.set(run, next(run))
        yield result.value
      }
    }
  } finally {
    for (const run of runs) run.stop()
  }
}

function addUsage(sum: ReplyUsage, one: ReplyUsage): ReplyUsage {
  return {
    promptTokens: sum.promptTokens + one.promptTokens,
    completionTokens: sum.completionTokens + one.completionTokens,
    cachedTokens: sum.cachedTokens + one.cachedTokens,
    reasoningTokens: 0,
  }
}

const noUsage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }

/** The field `moderation`, where it was asked for; results come in any order. */
class Moderated {
  readonly #asked: boolean
  readonly #results: GenerationResult[] = []

  constructor({ moderation }: CompletionBody) {
    this.#asked = Boolean(moderation)
  }

  add({ result, first }: TextEvent & { kind: 'end' }): void {
    if (result !== undefined) this.#results[first] = result
  }

  get field(): { moderation?: object } {
    if (!this.#asked) return {}
    return { moderation: moderationObject(Object.values(this.#results)) }
  }
}

async function whole(body: CompletionBody, head: object, numPrompts: number, events: TextEvents) {
  const moderated = new Moderated(body)
  const texts = Array.from({ length: numPrompts * (body.n ?? 1) }, () => ({
    text: '',
    logprobs: [] as TextLogprobs[],
    finish: 'stop' as string,
  }))
  let usage: ReplyUsage = noUsage
  const read = (event: TextEvent) => {
    if (event.kind === 'end') {
      usage = addUsage(usage, event.usage)
      return moderated.add(event)
    }
    const choice = texts[event.index]!
    if (event.kind === 'finish') choice.finish = event.reason
    else {
      choice.text += event.text
      if (event.logprobs !== null) choice.logprobs.push(event.logprobs)
    }
  }
  for await (const together of events) for (const event of together) read(event)
  const choices = texts.map(({ text, logprobs, finish }, index) => ({
    index,
    text,
    logprobs: logprobs.length > 0 ? joinLogprobs(logprobs) : null,
    finish_reason: finish,
  }))
  return { ...head, choices, usage: usageObject(usage), ...moderated.field }
}

async function* chunks(body: CompletionBody, head: object, events: TextEvents): SseEvents {
  const withUsage = body.stream_options?.include_usage === true
  const extra = withUsage ? { usage: null } : {}
  const moderated = new Moderated(body)
  let usage: ReplyUsage = noUsage
  const read = (event: TextEvent): SseEvent[] => {
    if (event.kind === 'end') {
      usage = addUsage(usage, event.usage)
      moderated.add(event)
      return []
    }
    const { index } = event
    const choice =
      event.kind === 'finish'
        ? { index, text: '', logprobs: null, finish_reason: event.reason }
        : { index, text: event.text, logprobs: event.logprobs, finish_reason: null }
    return [{ data: { ...head, choices: [choice], ...extra } }]
  }
  for await (const together of events) yield together.flatMap(read)
  const last: SseEvent[] = []
  if (body.moderation) last.push({ data: { ...head, choices: [], ...extra, ...moderated.field } })
  if (withUsage) last.push({ data: { ...head, choices: [], usage: usageObject(usage) } })
  return [...last, { data: '[DONE]' }]
}
