// 64 streams at a time over real sockets: whatever had left at any moment was a beginning of the
// masked whole, and no token of the log-probabilities spells a match.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readEvents } from '../../lib/client/sse-parser.ts'
import { createEngine } from '../../lib/engine/create-engine.ts'
import type { ModelEngine } from '../../lib/engine/model-engine.ts'
import { categories, createGuard, type GuardPolicy } from '../../lib/guard/index.ts'
import { createApp } from '../../lib/server/app.ts'
import { type Listener, listen } from '../../lib/server/listen.ts'
import { corpus } from '../guard/corpus.ts'
import { promptOf, repeatingModel } from './repeating-model.ts'

const streams = 64
const policy: GuardPolicy = {
  categories: Object.fromEntries(
    categories.map(name => [name, { input: 'off' as const, output: 'mask' as const }]),
  ),
}
const whole = createGuard(policy)
const model = repeatingModel()
let engine: ModelEngine
let server: Listener
beforeAll(async () => {
  engine = await createEngine(model, { guard: policy })
  server = await listen(createApp(model, { engine }), { port: 0 })
})
afterAll(async () => {
  await server.close(true)
  await model.dispose()
})

interface Event {
  choices: { text: string; finish_reason: string | null; logprobs: { tokens: string[] } | null }[]
}

/** What is wrong with the stream that says `text`; '' where nothing is. */
async function leak(text: string): Promise<string> {
  const { text: masked, matches } = whole.scanJson(text)
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prompt: promptOf(text),
      max_tokens: 3000,
      temperature: 0,
      stream: true,
      logprobs: 0,
    }),
  })
  let out = ''
  let tokens = ''
  for await (const { data } of readEvents(response.body!)) {
    if (data === '[DONE]') continue
    const [choice] = (JSON.parse(data) as Event).choices
    out += choice!.text
    tokens += choice!.logprobs?.tokens.join('') ?? ''
    if (!masked.startsWith(out)) return `${JSON.stringify(out)} of ${JSON.stringify(masked)}`
  }
  if (out !== masked) return `${JSON.stringify(out)} is not ${JSON.stringify(masked)}`
  const shown = matches.map(({ start, end }) => text.slice(start, end)).filter(s => s.length > 5)
  return shown.find(one => tokens.includes(one)) ?? ''
}

it(`${streams} streams of the corpus leak nothing`, async () => {
  const texts = [...corpus('held-out', 128), ...corpus('fresh', 128)].map(({ text }) => text)
  const leaks: string[] = []
  let next = 0
  let busiest = 0
  const stream = async () => {
    while (next < texts.length) {
      const found = await leak(texts[next++]!)
      busiest = Math.max(busiest, engine.stats().running)
      if (found !== '') leaks.push(found)
    }
  }
  await Promise.all(Array.from({ length: streams }, stream))
  expect(leaks).toEqual([])
  expect(busiest).toBeGreaterThan(streams / 2)
  expect(engine.guard!.counts().length).toBeGreaterThan(10)
}, 300_000)
