/**
 * The field `moderation` of OpenAI's requests.
 * @module
 */
import { z } from 'zod'
import { label } from './fields.ts'

const mode = z.looseObject({ mode: z.enum(['score', 'block']) }).nullish()

export const moderation = z
  .looseObject({ model: label, policy: z.looseObject({ input: mode, output: mode }).nullish() })
  .nullish()
  .describe('Tells what the guard found; block: whatever it finds ends the request')

export type ModerationField = z.infer<typeof moderation>
