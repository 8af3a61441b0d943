/**
 * `conclave/ai-sdk`
 * @module
 */
export { type ConclaveProvider, createConclave } from './provider.ts'
