/**
 * The public surface.
 * @module
 */
export type { ChatMessage, TextPart, ToolCall, ToolDefinition } from './chat/messages.ts'
export type { ChatTemplateOptions, ModelTokenizer, RenderedChat } from './chat/model-tokenizer.ts'
export type { ChosenLogprob, GenerationChunk, TokenLogprob } from './engine/answer.ts'
export type { ChatOptions } from './engine/chat-options.ts'
export { createEngine, type EngineOptions } from './engine/create-engine.ts'
export type { Generation, GenerationResult, Timings, Usage } from './engine/generation.ts'
export { loadModel } from './engine/load.ts'
export type { LoadOptions } from './engine/load-options.ts'
export type { Model } from './engine/model.ts'
export type { EngineStats, ExpertLoad, ModelEngine } from './engine/model-engine.ts'
export type { ModelInfo } from './engine/model-info.ts'
export type { FinishReason } from './engine/request.ts'
export type { EngineChatOptions, EngineGenerateOptions } from './engine/request-options.ts'
export type { LayerRoutes } from './engine/route-trace.ts'
export { ConclaveError, type ErrorCode, type ErrorDetails, errorCodes } from './errors.ts'
export type { LoadProgress } from './native.ts'
export type { GenerateOptions } from './sampling/options.ts'
export type { StructuredOptions } from './sampling/structured.ts'
