import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConclaveError } from '../../lib/errors.ts'
import { Detokenizer } from '../../lib/tokenizer/detokenizer.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { smallFixture } from './small.ts'

type Json = Record<string, unknown>

/** Walks down by `path` and puts `value` where it ends. */
function mutate(file: unknown, path: readonly number[], value: unknown): unknown {
  const copy = structuredClone(file)
  let node = copy as Json
  for (const step of path) {
    const keys = Object.keys(node)
    if (keys.length === 0) break
    const key = keys[step % keys.length]!
    const inner = node[key]
    const isLast = step === path.at(-1) || typeof inner !== 'object' || inner === null
    if (isLast) {
      if (value === undefined) delete node[key]
      else node[key] = value
      break
    }
    node = inner as Json
  }
  return copy
}

const value = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    -1,
    0.5,
    2 ** 31,
    '',
    'x',
    [],
    {},
    true,
    [[]],
    [{}],
    '(',
    '\ud800',
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

test.each(Object.keys(smallFixture))(
  'a spoiled %s file is read, or refused with our error',
  name => {
    const file = smallFixture[name]!.tokenizer
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
        value,
        (path, spoiled) => {
          try {
            const tokenizer = Tokenizer.fromFiles({ tokenizer: mutate(file, path, spoiled) })
            const ids = tokenizer.encode('Hello <s> 你好 12', { controlTokens: true })
            const detokenizer = new Detokenizer(tokenizer)
            const text = Array.from(ids, id => detokenizer.push(id)).join('') + detokenizer.finish()
            expect(text).toBe(tokenizer.decode(ids))
          } catch (error) {
            if (!(error instanceof ConclaveError)) throw error
            expect(['invalid_file', 'unsupported_model']).toContain(error.code)
          }
        },
      ),
      { numRuns: 400, seed: 5 },
    )
  },
)
