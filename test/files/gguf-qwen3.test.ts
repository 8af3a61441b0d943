import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { qwen3, qwen3Files } from '../tokenizer/qwen3.ts'
import { f32Tensor, ggufFile, keysWith, list, value } from './gguf-writer.ts'

const rows = 151_936
const { texts }: { texts: (string | [string, number])[] } = JSON.parse(
  readFileSync(new URL('../tokenizer/fixtures/parity.json', import.meta.url), 'utf8'),
)

/** As a converter writes tokenizer.json: ids without a token are unused ones. */
function qwen3Keys() {
  const { model, added_tokens: added } = qwen3Files.tokenizer
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`)
  const types = new Array(rows).fill(5)
  for (const [token, id] of Object.entries(model.vocab as Record<string, number>)) {
    tokens[id] = token
    types[id] = 1
  }
  for (const { id, content, special } of added) {
    tokens[id] = content
    types[id] = special ? 3 : 4
  }
  const merges = model.merges.map((m: string | string[]) => (Array.isArray(m) ? m.join(' ') : m))
  return keysWith({
    'tokenizer.ggml.tokens': list('string', tokens),
    'tokenizer.ggml.token_type': list('i32', types),
    'tokenizer.ggml.merges': list('string', merges),
    'tokenizer.ggml.add_bos_token': value('bool', false),
    'tokenizer.ggml.bos_token_id': value('u32', 151_643),
    'tokenizer.ggml.eos_token_id': value('u32', 151_645),
  })
}

test('Qwen3’s own vocabulary gives the same ids from GGUF', async () => {
  const path = ggufFile(qwen3Keys(), [f32Tensor('token_embd.weight', [rows, 4])])
  const { tokenizer, config } = await openModelFolder(path)
  expect(config.eosTokenIds).toEqual([151_645])
  const built = Tokenizer.fromFiles({ tokenizer: tokenizer!.tokenizer })
  expect(built.controlTokens).toEqual(qwen3.controlTokens)
  expect(built.vocabSize).toBe(qwen3.vocabSize)
  // The long texts of the fixture hold the tokenizer to its own time; here the short ones do.
  for (const text of texts.filter(entry => typeof entry === 'string')) {
    for (const options of [{}, { controlTokens: true }, { addSpecialTokens: true }]) {
      const ids = built.encode(text, options)
      expect(ids).toEqual(qwen3.encode(text, options))
      expect(built.decode(ids)).toBe(qwen3.decode(ids))
    }
  }
})
