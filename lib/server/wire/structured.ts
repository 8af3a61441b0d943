/**
 * Structured output as OpenAI's (`response_format`) and vLLM's (`structured_outputs`) clients ask
 * for it.
 * @module
 */
import { z } from 'zod'
import { schemaObject } from './tools.ts'

const schema = z.union([schemaObject, z.boolean()], {
  error: 'Expected a schema: an object, true or false',
})

const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().max(256).nullish(),
      schema,
      strict: z.boolean().nullish(),
    }),
  }),
])

const structuredOutputs = z.strictObject({
  json: z.union([schema, z.string().max(1_048_576)]).nullish(),
  regex: z.string().max(65_536).nullish(),
  choice: z.array(z.string().min(1).max(65_536)).min(1).max(100_000).nullish(),
  grammar: z.string().max(1_048_576).nullish(),
  json_object: z.boolean().nullish(),
})

export const structuredFields = {
  response_format: responseFormat.nullish(),
  structured_outputs: structuredOutputs.nullish(),
  // As vLLM called them before.
  guided_json: structuredOutputs.shape.json,
  guided_regex: structuredOutputs.shape.regex,
  guided_choice: structuredOutputs.shape.choice,
  guided_grammar: structuredOutputs.shape.grammar,
}

type Outputs = z.infer<typeof structuredOutputs>

export interface StructuredBody {
  response_format?: z.infer<typeof responseFormat> | null | undefined
  structured_outputs?: Outputs | null | undefined
  guided_json?: Outputs['json']
  guided_regex?: Outputs['regex']
  guided_choice?: Outputs['choice']
  guided_grammar?: Outputs['grammar']
}
