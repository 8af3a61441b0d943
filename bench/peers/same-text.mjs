// A comparison of speed means nothing unless both compute the same: greedy answers of both, id by
// id.
import { randomIds } from '../measure.mjs'

const tokens = 12

/**
 * Random weights often leave the two best tokens closer than bf16 can tell apart. Where the
 * answers part, the prompt is
 * continued with the other's ids: one id that differs is a near tie, many are an error.
 */
export async function compareGreedy(name, config, ours, theirs, quick) {
  const prompts = quick ? 2 : 16
  let same = 0
  let whole = 0
  let total = 0
  for (let i = 0; i < prompts; i++) {
    const ids = randomIds(24 + i, config.vocab_size, 100 + i)
    const [a, b] = [
      await ours.ask('greedy', { ids, tokens }),
      await theirs.ask('greedy', { ids, tokens }),
    ]
    whole += a.every((id, k) => id === b[k])
    for (let k = 0; k < tokens; k++) {
      total++
      if (a[k] === b[k]) {
        same++
        continue
      }
      // From here on our answer follows theirs.
      const rest = tokens - k - 1
      const follow = [...ids, ...b.slice(0, k + 1)]
      if (rest > 0)
        a.splice(k + 1, rest, ...(await ours.ask('greedy', { ids: follow, tokens: rest })))
    }
  }
  return {
    what: 'same greedy ids as node-llama-cpp',
    model: name,
    value: (100 * same) / total,
    unit: '%',
    target: '≥ 98 %',
    holds: same / total >= 0.98,
    note: `${whole} of ${prompts} answers of ${tokens} tokens equal from end to end`,
  }
}
