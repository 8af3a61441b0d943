/**
 * What a request on an engine takes beyond what it takes on a model.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import {
  checkBoolean,
  checkChoice,
  checkNames,
  checkNumber,
  checkString,
  invalid,
} from '../sampling/check.ts'
import { type GenerateOptions, generateOptionNames } from '../sampling/options.ts'
import type { ChatOptions } from './chat-options.ts'

export interface RequestOptions {
  /**
   * Answers to the same prompt, 1 … 64, drawn with `seed`, `seed` + 1, … as that many requests
   * would be. They share the prompt's full pages. Chunks say whose they are in `index`, the result
   * holds all in `answers`; an error of one ends all. Default 1.
   */
  n?: number
  /**
   * Whole number, −1000 … 1000; higher goes first, but nobody waits without end. Default 0.
   */
  priority?: number
  /**
   * Requests share cached prefixes only with those of the same text, at most 1 KiB. Default ''.
   */
  cacheSalt?: string
  /**
   * True: the result tells which experts each token of prompt and answer was sent to, layer by
   * layer. Such a prompt takes nothing from the prefix cache. An engine with a guard refuses it:
   * experts tell which token it was, masked or not. Default false.
   */
  routes?: boolean
  /** Milliseconds until it fails with `timeout`, waiting included. Default: none. */
  timeoutMs?: number
  /**
   * The result tells what the engine's guard found; `block`: whatever it finds there ends the
   * request with 'content_filter', also what its policy masks or scores. Default: none.
   */
  moderation?: ModerationOptions
}

export interface ModerationOptions {
  /** Default 'score'. */
  input?: 'score' | 'block'
  /** Default 'score'. */
  output?: 'score' | 'block'
}

export type EngineGenerateOptions = GenerateOptions & RequestOptions
export type EngineChatOptions = ChatOptions & RequestOptions

export interface CheckedRequestOptions {
  n: number
  priority: number
  cacheSalt: string
  routes: boolean
  timeoutMs: number | undefined
}

export const requestOptionNames = [
  'n',
  'priority',
  'cacheSalt',
  'routes',
  'timeoutMs',
  'moderation',
] as const satisfies readonly (keyof RequestOptions)[]

export const engineGenerateNames = [...generateOptionNames, ...requestOptionNames] as const

/** Throws `invalid_request` naming the option. */
export function checkRequestOptions(options: RequestOptions): CheckedRequestOptions {
  const { n = 1, priority = 0, cacheSalt = '', routes = false, timeoutMs } = options
  if (checkString('cacheSalt', cacheSalt).length > 1024)
    throw invalid('cacheSalt', 'a string of at most 1024 characters', cacheSalt)
  return {
    n: checkNumber('n', n, { min: 1, max: 64, integer: true }),
    priority: checkNumber('priority', priority, { min: -1000, max: 1000, integer: true }),
    cacheSalt,
    routes: checkBoolean('routes', routes),
    timeoutMs:
      timeoutMs === undefined
        ? undefined
        : checkNumber('timeoutMs', timeoutMs, { min: 1, max: 2 ** 31 - 1 }),
  }
}

/** Throws `invalid_request` for what a guard cannot look at. */
export function refuseUnguarded({ routes }: RequestOptions, guard: Guard | undefined): void {
  if (guard === undefined || routes !== true) return
  throw new ConclaveError(
    'invalid_request',
    'Expected no routes of an engine with a guard: the experts of a token tell which it was, ' +
      'masked or not. Ask model.engine, or an engine without a guard.',
    { option: 'routes' },
  )
}

/** Throws `invalid_request` naming the option, and where no guard could answer it. */
export function checkModeration(
  { moderation }: RequestOptions,
  guard: Guard | undefined,
): Required<ModerationOptions> | undefined {
  if (moderation === undefined) return undefined
  if (typeof moderation !== 'object' || moderation === null)
    throw invalid('moderation', 'an object', moderation)
  checkNames(moderation, ['input', 'output'])
  const { input = 'score', output = 'score' } = moderation
  for (const [name, mode] of Object.entries({ input, output }))
    checkChoice(`moderation.${name}`, mode, ['score', 'block'])
  if (guard === undefined)
    throw invalid('moderation', 'an engine with a guard beside it', moderation)
  return { input, output }
}
