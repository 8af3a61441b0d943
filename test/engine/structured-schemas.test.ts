import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/engine/load.ts'
import { addon, needs } from './needs.ts'
import { schemas } from './schemas.ts'

// Draft-4 bounds and draft-7 tuples are rewritten, as ajv of 2020-12 no longer reads them.
function modern(schema: object | boolean): object | boolean {
  const text = JSON.stringify(schema, (_, value) => {
    if (value?.exclusiveMinimum === true) {
      const { minimum, ...rest } = value
      return { ...rest, exclusiveMinimum: minimum }
    }
    if (Array.isArray(value?.items)) {
      const { items, additionalItems, ...rest } = value
      return { ...rest, prefixItems: items, items: additionalItems }
    }
    return value
  })
  return JSON.parse(text)
}

describe('JSON Schema on the default model', () => {
  needs(addon, 'default-model/model.safetensors')

  it('has at least 100 schemas', () => {
    expect(schemas.size).toBeGreaterThanOrEqual(100)
  })

  it('always writes JSON that is valid, greedy and at temperature 1.5', async () => {
    await using model = await loadModel()
    const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }))
    const messages = [{ role: 'user' as const, content: 'Answer as JSON.' }]
    for (const [name, schema] of schemas) {
      const isValid = ajv.compile(modern(schema))
      const structured = { type: 'json_schema', schema } as const
      const asks = [0, 1.5, 1.5].map((temperature, seed) =>
        model.chat(messages, { structured, temperature, seed, topK: 0, topP: 1, maxTokens: 400 }),
      )
      for (const { text } of await Promise.all(asks.map(ask => ask.result()))) {
        const context = `${name}: ${text}`
        expect(() => JSON.parse(text), context).not.toThrow()
        expect(isValid(JSON.parse(text)), `${context} ${JSON.stringify(isValid.errors)}`).toBe(true)
      }
    }
  }, 240_000)
})
