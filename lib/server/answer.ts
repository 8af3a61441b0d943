/**
 * One request: key, place, body, handler; whatever fails becomes an error body.
 * @module
 */
import type { z } from 'zod'
import type { ConclaveError } from '../errors.ts'
import { readJson } from './body.ts'
import type { Call, Endpoint, Running } from './endpoint.ts'
import { errorResponse, masked, toConclaveError } from './error-body.ts'
import { newId } from './ids.ts'
import { badField, Refusal, statusOf, wireMessage } from './refusal.ts'
import type { Serving } from './serving.ts'
import { ignoredFields, unusedFields } from './wire/fields.ts'

export async function answer(
  serving: Serving,
  endpoint: Endpoint,
  request: Request,
  params: Record<string, string>,
): Promise<Response> {
  const id = newId()
  const begun = performance.now()
  let status = 200
  let kept = false
  let free = () => {}
  let over = false
  const running = new Set<Running>()
  const leave = (error?: ConclaveError) => {
    if (over) return
    over = true
    free()
    for (const { answers } of running) serving.metrics.unfinished(answers, error)
    if (endpoint.works !== true) return
    const ms = Math.round(performance.now() - begun)
    serving.options.log.info({ id, path: endpoint.path, status, ms }, 'request')
  }
  try {
    const { keys, maxBodyBytes } = serving.options
    const tenant = endpoint.open === true ? { id: '' } : keys.authorize(request.headers)
    // A full server says so before it reads; a slow body holds no place.
    if (endpoint.works) serving.check(tenant.id)
    const warnings: string[] = []
    const body = endpoint.body
      ? parseBody(serving, endpoint, await readJson(request, maxBodyBytes), warnings)
      : undefined
    if (endpoint.works) free = serving.admission.enter(tenant.id)
    const keep = () => {
      kept = true
      return leave
    }
    const { signal } = request
    const call: Call = {
      serving,
      request,
      id,
      body,
      params,
      tenant,
      signal,
      running,
      warnings,
      keep,
    }
    const response = await endpoint.handle(call)
    status = response.status
    return response
  } catch (thrown) {
    const error = namingPrompt(toConclaveError(thrown), endpoint)
    status = statusOf(error)
    leave(error)
    serving.metrics.refused(status)
    const fields = { id, status, code: error.code, path: endpoint.path }
    if (status >= 500) serving.options.log.error(fields, 'request failed')
    return errorResponse(masked(serving, error), endpoint.dialect, id)
  } finally {
    if (!kept) leave()
  }
}

/** The engine knows that a prompt is too long, not which field it came in. */
function namingPrompt(error: ConclaveError, { prompt: param }: Endpoint): ConclaveError {
  if (error.code !== 'context_length_exceeded' || param === undefined) return error
  const message = wireMessage(error)
  return new Refusal({ status: 400, code: error.code, message, param })
}

/** Throws a 400 that names the field. */
function parseBody(
  serving: Serving,
  { body: schema, also }: Endpoint,
  value: unknown,
  warnings: string[],
): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badField('body', 'Expected the body to be a JSON object.')
  const parsed = schema!.safeParse(value)
  if (!parsed.success) throw fieldError(parsed.error.issues)
  const known = knownFields(schema!, also)
  warnings.push(...unusedFields(value, known))
  const [first] = warnings
  if (first !== undefined && serving.options.strict)
    throw badField(first, `Expected only fields that have an effect, but got ${first}.`)
  return parsed.data
}

const knownBySchema = new Map<z.ZodType, ReadonlySet<string>>()

function knownFields(schema: z.ZodType, also: readonly string[] = []): ReadonlySet<string> {
  let known = knownBySchema.get(schema)
  if (known === undefined) {
    const { shape = {} } = schema as { shape?: object }
    known = new Set([...Object.keys(shape), ...also].filter(name => !ignoredFields.has(name)))
    knownBySchema.set(schema, known)
  }
  return known
}

function fieldError(issues: readonly z.core.$ZodIssue[]) {
  const issue = issues[0]!
  const name = pathName(issue.path)
  return badField(name, `${name}: ${issue.message.slice(0, 500)}.`.replace(/\.\.$/, '.'))
}

/** `messages[0].content` */
function pathName(path: readonly PropertyKey[]): string {
  const name = path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
  return name === '' ? 'body' : name.slice(0, 256)
}
