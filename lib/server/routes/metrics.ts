/**
 * GET /metrics
 * @module
 */
import { endpoint } from '../endpoint.ts'

export const metricsRoute = endpoint({
  method: 'GET',
  path: '/metrics',
  summary: "Prometheus metrics by vLLM's names",
  dialect: 'openai',
  produces: ['text/plain'],
  async handle({ serving }) {
    const { registry } = serving.metrics
    return new Response(await registry.metrics(), {
      headers: { 'content-type': registry.contentType },
    })
  },
})
