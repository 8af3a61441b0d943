/**
 * A provider for the AI SDK (specification v3, which SDK 6 and 7 take).
 * @module
 */
import type {
  EmbeddingModelV3,
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamPart,
  LanguageModelV3StreamResult,
} from '@ai-sdk/provider'
import type { ChatResponse } from '../client/chat-types.ts'
import { QwenClient } from '../client/client.ts'
import type { ClientOptions } from '../client/transport.ts'
import { finishOf, PartWriter, usageOf } from './parts.ts'
import { requestOf } from './prompt.ts'

/** Makes models by their names; left out, the one of the options, or 'conclave'. */
export interface ConclaveProvider {
  (modelId?: string): LanguageModelV3
  readonly specificationVersion: 'v3'
  languageModel(modelId?: string): LanguageModelV3
  embeddingModel(modelId?: string): EmbeddingModelV3
  textEmbeddingModel(modelId?: string): EmbeddingModelV3
}

const defaultModel = 'conclave'

/**
 * Makes a provider for a server at `baseURL`, or with `fetch: app.fetch` for one in this process.
 * @example
 * const conclave = createConclave({ fetch: createApp(await loadModel()).fetch })
 * const { text } = await generateText({ model: conclave(), prompt: 'Hello!' })
 */
export function createConclave(options: ClientOptions = {}): ConclaveProvider {
  const client = new QwenClient(options)
  const { model = defaultModel } = options
  const languageModel = (modelId = model) => new ConclaveLanguageModel(client, modelId)
  const embeddingModel = (modelId = model) => new ConclaveEmbeddingModel(client, modelId)
  return Object.assign((modelId?: string) => languageModel(modelId), {
    specificationVersion: 'v3' as const,
    languageModel,
    embeddingModel,
    textEmbeddingModel: embeddingModel,
  })
}

class ConclaveLanguageModel implements LanguageModelV3 {
  readonly specificationVersion = 'v3'
  readonly provider = 'conclave'
  readonly supportedUrls = {}
  readonly modelId: string
  readonly #client: QwenClient

  constructor(client: QwenClient, modelId: string) {
    this.#client = client
    this.modelId = modelId
  }

  async doGenerate(options: LanguageModelV3CallOptions): Promise<LanguageModelV3GenerateResult> {
    const { request, warnings } = requestOf(options)
    const body = { model: this.modelId, ...request }
    const response = await this.#client.chat(body, callOf(options))
    return {
      content: contentOf(response),
      finishReason: finishOf(response.finishReason),
      usage: usageOf(response.usage),
      warnings,
      request: { body },
      response: { id: response.id, modelId: response.model },
    }
  }

  async doStream(options: LanguageModelV3CallOptions): Promise<LanguageModelV3StreamResult> {
    const { request, warnings } = requestOf(options)
    const body = { model: this.modelId, ...request }
    const stop = new AbortController()
    const { abortSignal } = options
    const signal = abortSignal ? AbortSignal.any([abortSignal, stop.signal]) : stop.signal
    const deltas = this.#client.stream(body, { ...callOf(options), signal })
    // The request is sent here, so that what is refused rejects.
    const first = await deltas.next()
    const parts = partsOf()
    async function* partsOf(): AsyncGenerator<LanguageModelV3StreamPart, void, undefined> {
      yield { type: 'stream-start', warnings }
      const writer = new PartWriter()
      try {
        if (!first.done) yield* writer.write(first.value)
        for await (const delta of deltas) yield* writer.write(delta)
        yield* writer.end()
      } catch (error) {
        yield { type: 'error', error }
      }
    }
    return { stream: streamOf(parts, stop), request: { body } }
  }
}

function callOf({ abortSignal: signal, headers }: LanguageModelV3CallOptions) {
  return { signal, headers }
}

function contentOf({ text, reasoning, toolCalls }: ChatResponse): LanguageModelV3Content[] {
  const content: LanguageModelV3Content[] = []
  if (reasoning !== '') content.push({ type: 'reasoning', text: reasoning })
  if (text !== '') content.push({ type: 'text', text })
  for (const { id, function: called } of toolCalls)
    content.push({
      type: 'tool-call',
      toolCallId: id,
      toolName: called.name,
      input: called.arguments,
    })
  return content
}

function streamOf(
  parts: AsyncGenerator<LanguageModelV3StreamPart, void, undefined>,
  stop: AbortController,
): ReadableStream<LanguageModelV3StreamPart> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      // A piece that is waited for may be long in coming: the connection ends now.
      stop.abort()
      await parts.return()
    },
  })
}

class ConclaveEmbeddingModel implements EmbeddingModelV3 {
  readonly specificationVersion = 'v3'
  readonly provider = 'conclave'
  readonly maxEmbeddingsPerCall = 256
  readonly supportsParallelCalls = true
  readonly modelId: string
  readonly #client: QwenClient

  constructor(client: QwenClient, modelId: string) {
    this.#client = client
    this.modelId = modelId
  }

  async doEmbed({ values, abortSignal, headers }: Parameters<EmbeddingModelV3['doEmbed']>[0]) {
    const call = { signal: abortSignal, headers }
    const embeddings = await this.#client.embed(values, { model: this.modelId }, call)
    return { embeddings, warnings: [] }
  }
}
