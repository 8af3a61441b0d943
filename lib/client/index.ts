/**
 * `conclave/client`
 * @module
 */
export { ConclaveError, type ErrorCode } from '../errors.ts'
export type {
  ChatDelta,
  ChatRequest,
  ChatResponse,
  ChatUsage,
  ClientMessage,
  ClientToolCall,
} from './chat-types.ts'
export { QwenClient } from './client.ts'
export { type ServerEvent, SseParser } from './sse-parser.ts'
export type { CallOptions, ClientOptions } from './transport.ts'
