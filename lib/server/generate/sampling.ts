/**
 * Fields of a body → options of the engine.
 * @module
 */
import type { Call } from '../endpoint.ts'
import type { EngineGenerateOptions } from '../served-model.ts'

type Nullish<T> = T | null | undefined

export interface SamplingBody {
  max_tokens?: Nullish<number>
  max_completion_tokens?: Nullish<number>
  min_tokens?: Nullish<number>
  temperature?: Nullish<number>
  top_p?: Nullish<number>
  top_k?: Nullish<number>
  min_p?: Nullish<number>
  repetition_penalty?: Nullish<number>
  presence_penalty?: Nullish<number>
  frequency_penalty?: Nullish<number>
  logit_bias?: Nullish<Record<string, number>>
  seed?: Nullish<number>
  stop?: Nullish<string | string[]>
  stop_token_ids?: Nullish<number[]>
  ignore_eos?: Nullish<boolean>
  n?: Nullish<number>
  priority?: Nullish<number>
  cache_salt?: Nullish<string>
}

/** What was left out stays out: the model's own defaults hold. */
export function engineOptions(call: Call, body: SamplingBody): EngineGenerateOptions {
  const { seed, top_k: topK, priority } = body
  const given = {
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    minTokens: body.min_tokens,
    temperature: body.temperature,
    topP: body.top_p,
    topK: topK === -1 ? 0 : topK,
    minP: body.min_p,
    repetitionPenalty: body.repetition_penalty,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    logitBias: body.logit_bias,
    // Clients count seeds as signed numbers of 64 bits.
    seed: typeof seed === 'number' && seed < 0 ? BigInt.asUintN(64, BigInt(seed)) : seed,
    stop: body.stop,
    stopTokenIds: body.stop_token_ids,
    ignoreEos: body.ignore_eos,
    n: body.n,
    priority: typeof priority === 'number' ? -priority : priority,
    timeoutMs: call.serving.options.requestTimeoutMs,
  }
  const options: Record<string, unknown> = { cacheSalt: saltOf(call, body), signal: call.signal }
  let name: keyof typeof given
  for (name in given) {
    const value = given[name]
    if (value !== null && value !== undefined) options[name] = value
  }
  return options
}

/** The key's own salt holds whatever the client sends. */
function saltOf({ tenant }: Call, { cache_salt: salt }: SamplingBody): string {
  return `${tenant.id}\n${salt ?? ''}`
}
