// The whole server as a function, mounted in a Hono app beside routes of one's own.
import { loadModel } from 'conclave'
import { createApp } from 'conclave/server'
import { Hono } from 'hono'

const model = await loadModel()
const llm = createApp(model, { apiKeys: ['sk-example'] })
const app = new Hono()
app.get('/about', c => c.text('ours'))
app.all('*', c => llm.fetch(c.req.raw))

// In place of a listener: two requests, as any HTTP server would hand them over.
console.log(await (await app.request('/about')).text())
const response = await app.request('/v1/chat/completions', {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer sk-example' },
  body: JSON.stringify({ messages: [{ role: 'user', content: 'What is 4 + 5?' }], max_tokens: 16 }),
})
console.log((await response.json()).choices[0].message.content)
await model.dispose()
