// The whole server as a function, mounted in Fastify beside routes of one's own, streams and all.
import { getRequestListener } from '@hono/node-server'
import { loadModel } from 'conclave'
import { QwenClient } from 'conclave/client'
import { createApp } from 'conclave/server'
import Fastify from 'fastify'

const model = await loadModel()
const llm = createApp(model)
const handle = getRequestListener(request => llm.fetch(request), { overrideGlobalObjects: false })
const app = Fastify({ forceCloseConnections: true })
app.get('/about', () => 'ours')
app.register(async scope => {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _body, done) => done(null)) // llm reads it itself
  scope.all('/v1/*', (request, reply) => {
    reply.hijack()
    void handle(request.raw, reply.raw)
  })
})
const address = await app.listen({ port: 0 })

const client = new QwenClient({ baseURL: `${address}/v1` })
const messages = [{ role: 'user', content: 'Say hello.' }]
for await (const { text } of client.stream({ messages, max_tokens: 16 }))
  process.stdout.write(text ?? '')
console.log(`\n${await (await fetch(`${address}/about`)).text()}`)
await app.close()
await model.dispose()
