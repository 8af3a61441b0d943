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
    const { metrics } = serving
    return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } })
  },
})
