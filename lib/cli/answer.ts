/**
 * One answer on standard output: streamed as text, or whole as JSON.
 * @module
 */
import type { Generation, GenerationResult } from '../engine/generation.ts'

/** Writes text as it comes, token ids where there is no tokenizer. `quiet`: nothing is written. */
export async function streamAnswer(
  answer: Generation,
  { quiet, asIds }: { quiet: boolean; asIds: boolean },
): Promise<GenerationResult> {
  let first = true
  for await (const { text, tokenIds } of answer) {
    if (quiet) continue
    if (asIds) process.stdout.write(`${first ? '' : ','}${tokenIds.join(',')}`)
    else process.stdout.write(text)
    first = false
  }
  if (!quiet) process.stdout.write('\n')
  return answer.result()
}

/** The keys that `--json` promises. */
export function answerJson(result: GenerationResult, loadMs: number): object {
  const { text, tokenIds, finishReason, usage, timings, seed } = result
  return {
    text,
    tokenIds,
    finishReason,
    usage,
    timings: { loadMs, ...timings },
    seed: String(seed),
  }
}

/** One line on standard error: how much, how fast. */
export function summary({ usage, timings, finishReason }: GenerationResult): string {
  const { promptTokens, completionTokens } = usage
  const prefill = timings.prefillMs > 0 ? (promptTokens / timings.prefillMs) * 1000 : 0
  const speed =
    timings.tokensPerSecond > 0 ? `, ${timings.tokensPerSecond.toFixed(1)} tokens/s` : ''
  return (
    `${promptTokens} prompt tokens (${prefill.toFixed(0)} tokens/s), ` +
    `${completionTokens} new${speed}, ${finishReason}`
  )
}
