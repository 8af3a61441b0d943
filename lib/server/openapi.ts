/**
 * The OpenAPI 3.1 document, from the same types that check the bodies.
 * @module
 */
import { z } from 'zod'
import type { Endpoint } from './endpoint.ts'
import { errorAnswer } from './wire/answers.ts'
import { servedName, tokenId } from './wire/fields.ts'

/** What of the document is the model's. */
export interface DocumentedModel {
  modelName: string
  /** Undefined while it is loading. */
  vocabSize: number | undefined
}

/** What one piece of a stream is. */
const streamed = new Map<string, object>([
  [
    'text/event-stream',
    {
      type: 'object',
      properties: { event: { type: 'string' }, data: { type: 'string' } },
      required: ['data'],
    },
  ],
])

const refusals = new Map([
  ['400', 'The request is not valid; `param` names the field'],
  ['401', 'No key, or an unknown one'],
  ['403', 'A foreign Host or Origin'],
  ['404', 'No such'],
  ['413', 'The body is too long'],
  ['415', 'The body is no JSON'],
  ['429', 'The server is full; `Retry-After` says when to try again'],
  ['500', 'The engine failed'],
  ['503', 'Loading, draining or failed'],
  ['504', 'The request took longer than the server allows'],
])

export function openapiDocument(endpoints: readonly Endpoint[], model: DocumentedModel): object {
  const jsonSchema = schemaWriter(model)
  const paths: Record<string, Record<string, object>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')
    paths[path] ??= {}
    paths[path][endpoint.method.toLowerCase()] = operation(endpoint, path, jsonSchema)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Conclave',
      version: '1',
      description: `Serves ${model.modelName} by the APIs of OpenAI and Anthropic.`,
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: jsonSchema(errorAnswer, 'output') },
    },
  }
}

type SchemaWriter = (schema: z.ZodType, io: 'input' | 'output') => object

/** Writes types as JSON Schema, with what only the model knows. */
function schemaWriter({ modelName, vocabSize }: DocumentedModel): SchemaWriter {
  return (schema, io) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override({ zodSchema, jsonSchema }) {
        if (zodSchema === servedName) jsonSchema.enum = [modelName]
        if (zodSchema === tokenId && vocabSize !== undefined) jsonSchema.maximum = vocabSize - 1
      },
    })
    return rest
  }
}

function operation(endpoint: Endpoint, path: string, jsonSchema: SchemaWriter): object {
  const { summary, body, open } = endpoint
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'model' ? jsonSchema(servedName, 'input') : { type: 'string' },
  }))
  return {
    operationId: `${endpoint.method.toLowerCase()}${path.replace(/\W+(\w?)/g, (_, c) => c.toUpperCase())}`,
    summary,
    ...(open === true ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: json(jsonSchema(body, 'input')) } }),
    responses: { 200: success(endpoint, jsonSchema), ...errors(endpoint, jsonSchema) },
  }
}

const json = (schema: object) => ({ 'application/json': { schema } })

function success({ answer, produces = [] }: Endpoint, jsonSchema: SchemaWriter): object {
  const others = produces.map(type => [type, { schema: streamed.get(type) ?? { type: 'string' } }])
  const content = {
    ...(answer ? json(jsonSchema(answer, 'output')) : {}),
    ...Object.fromEntries(others),
  }
  return { description: 'The answer', content }
}

function errors(endpoint: Endpoint, jsonSchema: SchemaWriter): object {
  const { open, body, works, dialect, answer, finds = [], refuses = [] } = endpoint
  const can = (status: string) => {
    if (status === '401') return open !== true
    if (status === '404') return endpoint.finds !== undefined
    if (status === '400' || status === '413' || status === '415') return body !== undefined
    if (status === '429' || status === '504') return works === true
    return true
  }
  const schema = dialect === 'openai' ? { $ref: '#/components/schemas/Error' } : { type: 'object' }
  // What /health answers while it is not ready is no error.
  const own = open === true && answer ? json(jsonSchema(answer, 'output')) : json(schema)
  return Object.fromEntries(
    [...refusals]
      .filter(([status]) => can(status))
      .map(([status, description]) => {
        let all = description
        if (status === '400' && refuses.length > 0)
          all += `. Beyond its schema: ${refuses.join('; ')}`
        if (status === '404') all += ` ${finds.join(' or ')}`
        return [status, { description: all, content: own }]
      }),
  )
}
