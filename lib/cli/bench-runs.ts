/**
 * Single runs of the benchmark, in tokens per second.
 * @module
 */
import type { Generation } from '../engine/generation.ts'
import type { Model } from '../engine/model.ts'

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Ids that differ from run to run, so that nothing can be kept from the last one. */
export function randomIds(count: number, vocabSize: number, seed: number): Int32Array {
  let state = (seed + 1) >>> 0
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * vocabSize)
  })
}

/** From the start of the first step to the first token. */
export async function measurePrefill(
  model: Model,
  promptTokens: number,
  run: number,
  signal: AbortSignal,
): Promise<number> {
  const ids = randomIds(promptTokens, usableIds(model), run)
  const options = { maxTokens: 1, temperature: 0, ignoreEos: true, signal }
  const { timings } = await model.generate(ids, options).result()
  return (promptTokens / timings.prefillMs) * 1000
}

/** Tokens of all sequences together, over the time in which every one of them decodes. */
export async function measureDecode(
  model: Model,
  sizes: { outputTokens: number; batch: number; depth: number },
  run: number,
  signal: AbortSignal,
): Promise<number> {
  const { outputTokens, batch, depth } = sizes
  const stop = new AbortController()
  const options = {
    maxTokens: 2 * outputTokens + batch,
    temperature: 0,
    ignoreEos: true,
    signal: AbortSignal.any([signal, stop.signal]),
  }
  const clock = new DecodeClock(batch, outputTokens, () => stop.abort())
  await Promise.all(
    Array.from({ length: batch }, async (_, i) => {
      const ids = randomIds(Math.max(1, depth), usableIds(model), run * batch + i)
      await clock.watch(i, model.generate(ids, options))
    }),
  )
  return clock.tokensPerSecond
}

/** Ids below the tokenizer's size, so that none is a row that only pads the vocabulary. */
function usableIds({ info, tokenizer }: Model): number {
  return Math.min(info.vocabSize, tokenizer?.tokenizer.vocabSize ?? info.vocabSize)
}

/** Counts from the moment at which the last sequence has its first token. */
class DecodeClock {
  readonly #started: boolean[]
  readonly #wanted: number
  readonly #onDone: () => void
  #since = 0
  #until = 0
  #tokens = 0

  constructor(batch: number, outputTokens: number, onDone: () => void) {
    this.#started = Array(batch).fill(false)
    this.#wanted = batch * (outputTokens - 1)
    this.#onDone = onDone
  }

  get tokensPerSecond(): number {
    return (this.#tokens / (this.#until - this.#since)) * 1000
  }

  async watch(index: number, answer: Generation): Promise<void> {
    for await (const { tokenIds } of answer) this.#count(index, tokenIds.length)
    await answer.result()
  }

  #count(index: number, tokens: number): void {
    if (this.#since > 0 && this.#tokens < this.#wanted) {
      this.#tokens += tokens
      this.#until = performance.now()
      if (this.#tokens >= this.#wanted) this.#onDone()
    }
    this.#started[index] = true
    if (this.#since === 0 && this.#started.every(Boolean)) this.#since = performance.now()
  }
}
