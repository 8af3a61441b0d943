import { expect, test } from 'vitest'
import { parseGenerationConfig } from '../../lib/files/generation-config.ts'
import { thrown } from './folder.ts'

const config = { vocabSize: 151_936, eosTokenIds: [151_645] }
const qwen3 = {
  bos_token_id: 151643,
  do_sample: true,
  eos_token_id: [151645, 151643],
  pad_token_id: 151643,
  temperature: 0.6,
  top_k: 20,
  top_p: 0.95,
  transformers_version: '4.51.0',
}

test('Qwen3 samples', () => {
  expect(parseGenerationConfig(qwen3, config)).toEqual({
    eosTokenIds: [151645, 151643],
    doSample: true,
    temperature: 0.6,
    topK: 20,
    topP: 0.95,
  })
})

test.each<[string, object | null, object]>([
  ['no file', null, { eosTokenIds: [151645], temperature: 0 }],
  ['an empty file', {}, { eosTokenIds: [151645], temperature: 0 }],
  ['do_sample absent', { temperature: 0.7 }, { eosTokenIds: [151645], temperature: 0 }],
  [
    'do_sample false',
    { do_sample: false, temperature: 0.7 },
    { eosTokenIds: [151645], doSample: false, temperature: 0 },
  ],
  [
    'sampling without a temperature',
    { do_sample: true },
    { eosTokenIds: [151645], doSample: true },
  ],
  ['one stop id', { eos_token_id: 7 }, { eosTokenIds: [7], temperature: 0 }],
  ['ids outside', { eos_token_id: [7, 1e9, -1] }, { eosTokenIds: [7], temperature: 0 }],
  ['null stop ids', { eos_token_id: null }, { eosTokenIds: [151645], temperature: 0 }],
  ['nulls', { top_k: null, top_p: null }, { eosTokenIds: [151645], temperature: 0 }],
  ['top_k −1', { top_k: -1 }, { eosTokenIds: [151645], temperature: 0, topK: 0 }],
  [
    'the rest',
    { min_p: 0.1, repetition_penalty: 1.05, max_new_tokens: 9 },
    { eosTokenIds: [151645], temperature: 0, minP: 0.1, repetitionPenalty: 1.05, maxNewTokens: 9 },
  ],
])('%s', (_, raw, want) => {
  expect(parseGenerationConfig(raw, config)).toEqual(want)
})

test.each<[string, unknown]>([
  ['temperature', 'hot'],
  ['temperature', -1],
  ['temperature', Number.NaN],
  ['top_k', 1.5],
  ['top_p', 2],
  ['min_p', -0.1],
  ['repetition_penalty', 0],
  ['do_sample', 'yes'],
  ['eos_token_id', '2'],
  ['max_new_tokens', 0],
])('%s: %j is refused', async (key, value) => {
  const error = await thrown(() => parseGenerationConfig({ [key]: value }, config))
  expect([error.code, error.message.includes(`"${key}"`)]).toEqual(['invalid_config', true])
})

test.each([[[]], ['x'], [7]])('a file that is %j is refused', async raw => {
  expect((await thrown(() => parseGenerationConfig(raw, config))).code).toBe('invalid_config')
})
