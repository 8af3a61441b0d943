// Timing through the public surface, and the numbers that describe a set of timings.

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low])
}

export const median = values => quantile(values, 0.5)

/** Half the distance between the extremes over the median: how noisy the numbers are. */
export const spread = values =>
  (Math.max(...values) - Math.min(...values)) / 2 / Math.max(median(values), 1e-12)

/**
 * `count` token ids that look random, below 90 % of the vocabulary (control tokens lie at its
 * end).
 */
export function randomIds(count, vocabSize, seed = 1) {
  let s = Math.imul(seed, 0x9e3779b1) >>> 0 || 1
  return Array.from({ length: count }, () => {
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    return (s >>> 0) % Math.floor(vocabSize * 0.9)
  })
}

export const greedy = { temperature: 0, repetitionPenalty: 1, ignoreEos: true }

/** Milliseconds that went by, or those that processors spent on this process: others do not count. */
export const clocks = {
  wall: () => performance.now(),
  processor: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}

/**
 * How to measure: wall time on all cores, or, where other programs keep the machine busy, the
 * processor time of one thread, which nobody waits for.
 */
export const modeOf = busy =>
  busy
    ? { threads: 1, clock: 'processor', unit: 'tok/processor-s' }
    : { threads: undefined, clock: 'wall', unit: 'tok/s' }

/** Milliseconds of a prompt of `tokens` and its first token. */
export async function prefillMs(model, tokens, { seed, clock = clocks.wall }) {
  const ids = randomIds(tokens, model.info.vocabSize, seed)
  const start = clock()
  await model.generate(ids, { ...greedy, maxTokens: 1 }).result()
  return clock() - start
}

/**
 * Tokens per second at batch 1 after a prompt of `depth` tokens (at least one): one rate for each
 * of `segments`
 * stretches of `tokens` tokens, the time of the prompt and of the first token left out.
 */
export async function decodeRates(
  model,
  depth,
  { segments = 5, tokens = 24, seed = 7, clock } = {},
) {
  const ids = randomIds(Math.max(depth, 1), model.info.vocabSize, seed)
  const { tokenIds, ticks } = await timedGenerate(model, ids, 1 + segments * tokens, clock)
  if (tokenIds.length !== 1 + segments * tokens) throw new Error('The answer ended too early')
  return Array.from(
    { length: segments },
    (_, i) => (tokens * 1000) / (ticks[(i + 1) * tokens] - ticks[i * tokens]),
  )
}

/** The ids of a greedy answer, and the time at which each was there. */
export async function timedGenerate(model, ids, maxTokens, clock = clocks.wall) {
  const ticks = []
  const tokenIds = []
  for await (const chunk of model.generate(ids, { ...greedy, maxTokens })) {
    for (const id of chunk.tokenIds) {
      tokenIds.push(id)
      ticks.push(clock())
    }
  }
  return { tokenIds, ticks }
}
