/**
 * Every error a caller can meet, in one table.
 * @module
 */

/** What each code means, and whether the same call may succeed later. */
export const errorCodes = {
  invalid_file: {
    retryable: false,
    meaning: 'A model file is malformed or does not hold what its header says.',
  },
  unsupported_format: {
    retryable: false,
    meaning: 'The file is of a kind that Conclave does not read.',
  },
  unsupported_model: {
    retryable: false,
    meaning: 'The architecture, or a key that changes its math, is not implemented.',
  },
  invalid_config: {
    retryable: false,
    meaning: 'A value in config.json is missing, out of range or contradicts another.',
  },
  missing_shard: { retryable: false, meaning: 'A weight file that the index names is not there.' },
  path_forbidden: { retryable: false, meaning: 'A path in a model file leaves the model folder.' },
  file_changed: {
    retryable: true,
    meaning: 'A model file was truncated or replaced while it was in use.',
  },
  hash_mismatch: {
    retryable: true,
    meaning: 'A download does not have the expected hash or size.',
  },
  tampered: {
    retryable: false,
    meaning: 'A signed log is not as it was written.',
  },
  disk_full: { retryable: true, meaning: 'The disk has no room for what was being written.' },
  io_error: { retryable: true, meaning: 'The operating system could not read or write a file.' },
  insufficient_memory: {
    retryable: true,
    meaning: 'The plan does not fit the memory that is available.',
  },
  invalid_request: {
    retryable: false,
    meaning: 'An argument or option is out of range or of the wrong type.',
  },
  context_length_exceeded: {
    retryable: false,
    meaning: 'Prompt and answer together are longer than the context.',
  },
  template_error: {
    retryable: false,
    meaning: 'The chat template refused the conversation or is not valid.',
  },
  template_limit: {
    retryable: false,
    meaning: 'The chat template went over its bound of time or memory.',
  },
  grammar_error: {
    retryable: false,
    meaning: 'A schema, pattern or grammar cannot be enforced, or an answer could not follow it.',
  },
  grammar_limit: {
    retryable: false,
    meaning: 'A schema, pattern or grammar is too large, or takes too much work.',
  },
  kv_capacity: { retryable: true, meaning: 'The request needs more KV pages than the engine has.' },
  aborted: { retryable: false, meaning: 'The caller stopped the work.' },
  timeout: { retryable: true, meaning: 'The work took longer than the caller allowed.' },
  numerical_error: { retryable: false, meaning: 'The model produced NaN or infinite logits.' },
  gpu_unavailable: { retryable: false, meaning: 'A GPU was asked for and none can be used.' },
  gpu_out_of_memory: { retryable: true, meaning: 'The GPU has not enough free memory.' },
  engine_failed: {
    retryable: false,
    meaning: 'The engine met a fault that it cannot continue from.',
  },
  unauthorized: { retryable: false, meaning: 'The server does not know the key of the request.' },
  forbidden: { retryable: false, meaning: 'The server does not answer requests from that origin.' },
  not_found: { retryable: false, meaning: 'The server has no such route, model or response.' },
  overloaded: { retryable: true, meaning: 'The server has as many requests as it takes.' },
  not_ready: { retryable: true, meaning: 'The server is still loading its model.' },
  shutting_down: { retryable: true, meaning: 'The server finishes its requests and takes no new.' },
  disposed: { retryable: false, meaning: 'The model was disposed before or during the call.' },
} as const

/** One of the codes in {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes

/** Facts a program may act on: tensor names, limits, actual values. Plain JSON data. */
export type ErrorDetails = Record<string, unknown>

/**
 * The one class of error that Conclave throws.
 *
 * The message is a sentence: what was expected, what came, what to do.
 * @example
 * try { await loadModel('./nowhere') } catch (error) { if (error.code === 'io_error') … }
 */
export class ConclaveError extends Error {
  override readonly name = 'ConclaveError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  /** True where the same call may succeed later without a change. */
  readonly retryable: boolean

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
    this.retryable = errorCodes[code].retryable
  }
}

/** Turns what the addon threw (an Error with a `code` of ours) into a {@link ConclaveError} on the caller's stack. */
export function fromNative(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  const native = error as { code?: string; message?: string; details?: unknown }
  const code =
    native.code !== undefined && Object.hasOwn(errorCodes, native.code)
      ? (native.code as ErrorCode)
      : 'engine_failed'
  const details = { ...(native.details as ErrorDetails | undefined) }
  return new ConclaveError(code, native.message ?? String(error), details, { cause: error })
}
