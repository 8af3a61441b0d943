/**
 * `conclave/ai-sdk`
 * @module
 */
export { guardMiddleware } from './guard-middleware.ts'
export { type ConclaveProvider, createConclave } from './provider.ts'
