// OpenAI's own client with no socket: its fetch is the server.
import { loadModel } from 'conclave'
import { createApp } from 'conclave/server'
import OpenAI from 'openai'

const model = await loadModel()
const { fetch } = createApp(model)
const client = new OpenAI({ apiKey: 'none', baseURL: 'http://conclave/v1', fetch })
const stream = await client.chat.completions.create({
  model: 'conclave',
  messages: [{ role: 'user', content: 'Sort these words: pear, apple, fig' }],
  max_tokens: 48,
  stream: true,
})
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? '')
console.log()
await model.dispose()
