/**
 * The OpenAPI 3.1 document, from the same types that check the bodies.
 * @module
 */
import { z } from 'zod'
import type { Endpoint } from './endpoint.ts'
import { errorAnswer } from './wire/answers.ts'

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const refusals = new Map([
  ['400', 'The request is not valid; `param` names the field'],
  ['401', 'No key, or an unknown one'],
  ['403', 'A foreign Host or Origin'],
  ['404', 'No such model or response'],
  ['413', 'The body is too long'],
  ['415', 'The body is no JSON'],
  ['429', 'The server is full; `Retry-After` says when to try again'],
  ['500', 'The engine failed'],
  ['503', 'Loading, draining or failed'],
  ['504', 'The request took longer than the server allows'],
])

export function openapiDocument(endpoints: readonly Endpoint[], modelName: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')
    paths[path] ??= {}
    paths[path][endpoint.method.toLowerCase()] = operation(endpoint, path)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Conclave',
      version: '1',
      description: `Serves ${modelName} by the APIs of OpenAI and Anthropic.`,
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: jsonSchema(errorAnswer, 'output') },
    },
  }
}

function operation(endpoint: Endpoint, path: string): object {
  const { summary, body, open } = endpoint
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    operationId: `${endpoint.method.toLowerCase()}${path.replace(/\W+(\w?)/g, (_, c) => c.toUpperCase())}`,
    summary,
    ...(open === true ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: json(body, 'input') } }),
    responses: { 200: success(endpoint), ...errors(endpoint) },
  }
}

function json(schema: z.ZodType, io: 'input' | 'output') {
  return { 'application/json': { schema: jsonSchema(schema, io) } }
}

function success({ answer, produces = [] }: Endpoint): object {
  const others = produces.map(type => [type, { schema: { type: 'string' } }])
  const content = { ...(answer ? json(answer, 'output') : {}), ...Object.fromEntries(others) }
  return { description: 'The answer', content }
}

function errors({ open, body, works, dialect, path, answer }: Endpoint): object {
  const can = (status: string) => {
    if (status === '401') return open !== true
    if (status === '404') return body !== undefined || path.includes(':')
    if (status === '400' || status === '413' || status === '415') return body !== undefined
    if (status === '429' || status === '504') return works === true
    return true
  }
  const schema = dialect === 'openai' ? { $ref: '#/components/schemas/Error' } : { type: 'object' }
  // What /health answers while it is not ready is no error.
  const own = open === true && answer ? json(answer, 'output') : { 'application/json': { schema } }
  return Object.fromEntries(
    [...refusals]
      .filter(([status]) => can(status))
      .map(([status, description]) => [status, { description, content: own }]),
  )
}
