// Mounted under a path of a plain Node server (Express hands over the same two objects).
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { loadModel } from 'conclave'
import { QwenClient } from 'conclave/client'
import { createApp } from 'conclave/server'

const model = await loadModel()
const app = createApp(model)
const handle = getRequestListener(
  request => app.fetch(new Request(request.url.replace('/llm/', '/'), request)),
  { overrideGlobalObjects: false },
)
const server = createServer((request, response) => {
  if (request.url?.startsWith('/llm/')) void handle(request, response)
  else response.end('ours')
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const client = new QwenClient({ baseURL: `http://127.0.0.1:${server.address().port}/llm/v1` })
const messages = [{ role: 'user', content: 'Say hello.' }]
const response = await client.chat({ messages, max_tokens: 16 })
console.log(response.text)
server.close()
server.closeAllConnections()
await model.dispose()
