// Where the time of a step goes: npm run bench -- --profile [--models moe-s] [--weights int8,bf16]
// Timers around each node in the executor; bytes and operations are counted on the graph.
import { setMaxListeners } from 'node:events'
import { calmly } from './foreign.mjs'
import { internals, watchExecutors } from './internals.mjs'
import { greedy, randomIds } from './measure.mjs'
import { folderOf } from './models.mjs'
import { drawRoofline } from './roofline.mjs'

const prefillTokens = 512
const depth = 128
const context = 1024

export async function run({ models, weights = ['int8', 'bf16'], quick, ceilings }) {
  const rows = []
  for (const name of models.filter(m => m !== 'default'))
    for (const format of weights) rows.push(...(await profileModel(name, format, quick, ceilings)))
  const drawn = rows.filter(r => r.share >= 0.03)
  if (drawn.length > 0) drawRoofline(drawn, ceilings)
  return rows
}

async function profileModel(name, format, quick, ceilings) {
  const { native, loadModel, weightSizer } = await internals()
  let executor
  let graph
  let sizeOf
  const restore = watchExecutors(native(), (made, [json, store]) => {
    executor = made
    graph = JSON.parse(json)
    sizeOf = weightSizer(store.tensors(), format)
  })
  const model = await loadModel(folderOf(name), {
    weights: format,
    maxSequences: 32,
    kvPages: (33 * context) / 32,
    maxContext: context,
    prefixCache: false,
  }).finally(restore)
  /** Nanoseconds of each node, and of sampling, in a step of those since profile(true). */
  const counted = async () => {
    const ns = [...(await executor.profile(false))]
    const steps = ns.pop()
    return ns.map(n => n / steps)
  }
  const rows = []
  try {
    const peaks = peaksOf(format, ceilings)
    const add = (phase, ns, sizes) =>
      rows.push(...table({ phase: `${name} ${format} ${phase}`, ns, graph, sizeOf, sizes, peaks }))
    const ids = seed => randomIds(prefillTokens, model.info.vocabSize, seed)
    const read = seed => model.generate(ids(seed), { ...greedy, maxTokens: 1 }).result()
    await read(0)
    const { value: prefill } = await calmly(async () => {
      await executor.profile(true)
      for (let i = 1; i <= (quick ? 2 : 5); i++) await read(i)
      return counted()
    })
    add('prefill 512', prefill, {
      tokens: prefillTokens,
      rows: 1,
      keys: prefillTokens / 2,
      reads: 1,
    })
    for (const batch of [1, 8, 32]) {
      const { value } = await calmly(() => decode(batch))
      add(`decode × ${batch}`, value, { tokens: batch, rows: batch, keys: depth, reads: batch })
    }
  } finally {
    await model.dispose()
  }
  return rows

  /** `batch` sequences, counted while all of them decode. */
  async function decode(batch) {
    const stop = new AbortController()
    setMaxListeners(batch + 1, stop.signal)
    const options = { ...greedy, maxTokens: context - depth - 8, signal: stop.signal }
    let waiting = batch
    let left = quick ? 8 : 24
    let result
    await Promise.all(
      Array.from({ length: batch }, async (_, i) => {
        const prompt = randomIds(depth, model.info.vocabSize, 1000 + i)
        let begun = false
        for await (const _ of model.generate(prompt, options)) {
          if (!begun && --waiting === 0) await executor.profile(true)
          begun = true
          if (i > 0 || waiting > 0 || --left !== 0) continue
          result = await counted()
          stop.abort()
        }
      }),
    )
    return result
  }
}

/** Operations a second of what a format's products take: two of bytes for an activation in 16 bits. */
function peaksOf(format, { int8OpsPerSecond, bf16FlopsPerSecond, ...rest }) {
  const products = format === 'int8' ? int8OpsPerSecond / 2 : bf16FlopsPerSecond
  return {
    products,
    f32: rest.f32FlopsPerSecond,
    bf16: bf16FlopsPerSecond,
    read: rest.readBytesPerSecond,
  }
}

/** What a node reads and writes, and computes. */
function costOf(
  { op, weights, attrs, inputs, outputs },
  graph,
  sizeOf,
  { tokens, rows, keys, reads },
) {
  const values = [...inputs, ...outputs].map(id => graph.values[id])
  const wide = value => (value.shape[0] === 'num_rows' ? rows : tokens) * (value.shape[1] ?? 1)
  const activations = 4 * values.reduce((sum, value) => sum + wide(value), 0)
  const refs = weights.map(id => graph.weights[id])
  const bytes = refs.reduce((sum, ref) => sum + sizeOf(ref), 0)
  const products = refs.reduce(
    (sum, { rows, cols, kind }) => sum + (kind === 'matrix' ? rows * cols : 0),
    0,
  )
  const own = graph.values[outputs[0] ?? inputs[0]]
  const count = own.shape[0] === 'num_rows' ? rows : tokens
  if (op === 'embed') return { bytes: activations, flops: 0 }
  if (op === 'matmul')
    return { bytes: bytes + activations, flops: 2 * products * count, exact: refs[0].exact }
  if (op === 'moe_experts') {
    const share = graph.values[inputs[1]].shape[1] / attrs.num_experts
    return {
      bytes: bytes * (1 - (1 - share) ** tokens) + activations,
      flops: 2 * products * share * tokens,
    }
  }
  if (op === 'attention') {
    const width = graph.values[inputs[0]].shape[1]
    const region = graph.regions[attrs.region]
    const kv = 2 * 2 * region.numKvHeads * region.headDim
    return {
      bytes: activations + kv * keys * reads,
      flops: 4 * width * tokens * keys,
      isBf16: true,
    }
  }
  return { bytes: bytes + activations, flops: 0 }
}

/** One row for each kind of node, dearest first. */
function table({ phase, ns, graph, sizeOf, sizes, peaks }) {
  const kinds = new Map()
  const add = (what, time, cost) => {
    const kind = kinds.get(what) ?? { what, us: 0, nodes: 0, bytes: 0, flops: 0, least: 0 }
    const peak = cost.exact ? peaks.f32 : cost.isBf16 ? peaks.bf16 : peaks.products
    kind.us += time / 1000
    kind.nodes++
    kind.bytes += cost.bytes
    kind.flops += cost.flops
    kind.least += 1e6 * Math.max(cost.bytes / peaks.read, cost.flops / peak)
    kinds.set(what, kind)
  }
  graph.nodes.forEach((node, i) => {
    add(kindOf(node, graph), ns[i], costOf(node, graph, sizeOf, sizes))
  })
  add('sampling', ns.at(-1), { bytes: 4 * sizes.rows * graph.vocabSize, flops: 0 })
  const all = [...kinds.values()]
  const total = all.reduce((sum, kind) => sum + kind.us, 0)
  return all
    .sort((a, b) => b.us - a.us)
    .map(({ what, us, nodes, bytes, flops, least }) => ({
      what: `${phase}: ${what}`,
      value: us,
      unit: 'µs a step',
      share: us / total,
      bytes,
      flops,
      us,
      fraction: least / us,
      of: 'ceiling',
      note:
        `${(100 * (us / total)).toFixed(1)} % of the step, ${nodes} nodes, ` +
        `${(bytes / 1e6).toFixed(2)} MB, ${(flops / 1e6).toFixed(1)} Mop, ` +
        `${(bytes / us / 1e3).toFixed(1)} GB/s, ${(flops / us / 1e3).toFixed(0)} Gop/s`,
    }))
}

function kindOf({ op, weights }, graph) {
  if (op !== 'matmul') return op
  const { tensor } = graph.weights[weights[0]]
  const name = tensor
    .replace(/\.weight$/, '')
    .split('.')
    .at(-1)
  return name === 'embed_tokens' ? 'matmul head' : `matmul ${name}`
}
