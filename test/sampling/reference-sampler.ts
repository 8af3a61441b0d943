/** The sampler by definition, in f64, for small vocabularies. */
export interface ReferenceOptions {
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  repetitionPenalty?: number
  presencePenalty?: number
  frequencyPenalty?: number
  logitBias?: Record<number, number>
}

/** logit_bias, then the penalties. */
export function editLogits(
  logits: ArrayLike<number>,
  prompt: readonly number[],
  generated: readonly number[],
  options: ReferenceOptions,
): number[] {
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0 } = options
  const edited = Array.from(logits)
  for (const [id, bias] of Object.entries(options.logitBias ?? {})) edited[Number(id)]! += bias
  for (const id of new Set([...prompt, ...generated])) {
    const x = edited[id]!
    edited[id] = x > 0 ? x / repetitionPenalty : x * repetitionPenalty
  }
  for (const id of new Set(generated)) {
    const count = generated.filter(g => g === id).length
    edited[id]! -= presencePenalty + frequencyPenalty * count
  }
  return edited
}

export function softmax(logits: readonly number[], temperature = 1): number[] {
  const top = Math.max(...logits)
  const weights = logits.map(x => Math.exp((x - top) / temperature))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(w => w / sum)
}

/** What each id is drawn with: temperature → top_k → top_p → min_p. */
export function probabilities(logits: readonly number[], options: ReferenceOptions): number[] {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options
  const order = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b)
  let kept = logits.map(x => topK === 0 || x >= logits[order[topK - 1] ?? order.at(-1)!]!)
  const masked = () =>
    softmax(
      logits.map((x, id) => (kept[id] ? x : -Infinity)),
      temperature,
    )
  let above = 0
  const afterK = masked()
  for (const id of order) {
    if (topP < 1 && above >= topP && id !== order[0]) kept[id] = false
    above += afterK[id]!
  }
  const afterP = masked()
  const least = minP * Math.max(...afterP)
  kept = kept.map((keep, id) => keep && afterP[id]! >= least)
  return masked()
}

/**
 * Chi-square of counts against probabilities, over the ids that are expected at least five times.
 */
export function chiSquare(counts: readonly number[], expected: readonly number[]) {
  const draws = counts.reduce((a, b) => a + b, 0)
  const likely = expected.map((p, id) => [p * draws, counts[id]!] as const).filter(([e]) => e >= 5)
  const value = likely.reduce((sum, [e, n]) => sum + (n - e) ** 2 / e, 0)
  return { value, degrees: likely.length - 1 }
}
