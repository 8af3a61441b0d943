/**
 * conclave bench: how fast a model loads, reads prompts and writes.
 * @module
 */
import { cpus } from 'node:os'
import { checkLoadOptions, type LoadOptions } from '../engine/load-options.ts'
import type { Model } from '../engine/model.ts'
import { openModel } from '../engine/open.ts'
import { decodeBytesPerToken, prefillFlopsPerToken } from '../engine/step-cost.ts'
import { ConclaveError } from '../errors.ts'
import { type Ceilings, native, nativeCall } from '../native.ts'
import { measureDecode, measurePrefill, median } from './bench-runs.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { interruptSignal } from './interrupt.ts'
import { loadFromFlags, loadOptions, modelFlags, modelSource } from './model-flags.ts'
import { formatBytes } from './progress.ts'

export const bench: Command = {
  name: 'bench',
  summary: 'Measures load, prefill and decode; medians over the repeats.',
  flags: {
    'prompt-tokens': { kind: 'integer', value: 'N', help: 'tokens of the prefill (default 512)' },
    'output-tokens': { kind: 'integer', value: 'N', help: 'tokens of the decode (default 128)' },
    batch: { kind: 'integer', value: 'N', help: 'sequences that decode together (default 1)' },
    depth: {
      kind: 'integer',
      value: 'N',
      help: 'tokens in the cache before the decode (default 0)',
    },
    repeat: { kind: 'integer', value: 'N', help: 'runs of each (default 5)' },
    ...modelFlags,
    ...outputFlags,
  },
  async run(values) {
    const sizes = readSizes(values)
    const signal = interruptSignal()
    const more = room(sizes, values)
    const cost = await stepCost(values, sizes, more)
    const { model, loadMs } = await loadFromFlags(values, signal, more)
    try {
      const load = { ms: loadMs, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
      const before = await nativeCall(() => native().measure(model.info.threads))
      const speed = await measure(model, sizes, signal)
      const after = await nativeCall(() => native().measure(model.info.threads))
      const ceilings = higher(before, after)
      const report = {
        machine: machine(model, ceilings),
        load,
        ...ofRoof(speed, cost, ceilings, model),
      }
      if (values.json === true) console.log(JSON.stringify(report))
      else process.stdout.write(page(report))
    } finally {
      await model.dispose()
    }
  },
}

interface Sizes {
  promptTokens: number
  outputTokens: number
  batch: number
  depth: number
  repeat: number
}

function readSizes(values: Values): Sizes {
  const size = (name: string, fallback: number, min = 1) => {
    const value = (values[name] as number | undefined) ?? fallback
    if (value < min) throw new UsageError(`--${name} takes a number from ${min} up, not ${value}.`)
    return value
  }
  return {
    promptTokens: size('promptTokens', 512),
    outputTokens: size('outputTokens', 128, 2),
    batch: size('batch', 1),
    depth: size('depth', 0, 0),
    repeat: size('repeat', 5),
  }
}

/** Pages for the whole batch at its longest, and no more: what is measured is also what is held. */
function room({ promptTokens, outputTokens, batch, depth }: Sizes, values: Values): LoadOptions {
  const pageSize = (values.pageSize as number | undefined) ?? 32
  const sequence = Math.ceil((depth + 2 * outputTokens + batch) / pageSize) + 1
  const prompt = Math.ceil(promptTokens / pageSize) + 1
  return {
    maxSequences: Math.max(batch, 1),
    maxBatchTokens: Math.max((values.maxBatchTokens as number | undefined) ?? 512, batch),
    kvPages: Math.max(batch * sequence, prompt),
    // The same prompts run again and again, to be measured in full.
    prefixCache: false,
  }
}

/** What a token must read in the decode, at the mean length of its sequences, and compute in the prefill. */
async function stepCost(values: Values, sizes: Sizes, more: LoadOptions) {
  const options = checkLoadOptions({ ...loadOptions(values), ...more })
  const { store, recorded, tensors, plan, executorOptions } = await openModel(
    modelSource(values),
    options,
  )
  store.close()
  const bytesPerToken = decodeBytesPerToken(recorded.graph, tensors, {
    format: options.weights,
    batch: sizes.batch,
    depth: Math.max(1, sizes.depth) + sizes.outputTokens / 2,
    kvBytesPerToken: plan.kvBytes / (plan.numPages * executorOptions.pageSize),
  })
  return { bytesPerToken, flopsPerToken: prefillFlopsPerToken(recorded.graph, sizes.promptTokens) }
}

/** The ceilings are measured on both sides of the runs: another program may hold the machine back at either time. */
function higher(a: Ceilings, b: Ceilings): Ceilings {
  return {
    readBytesPerSecond: Math.max(a.readBytesPerSecond, b.readBytesPerSecond),
    f32FlopsPerSecond: Math.max(a.f32FlopsPerSecond, b.f32FlopsPerSecond),
    bf16FlopsPerSecond: Math.max(a.bf16FlopsPerSecond, b.bf16FlopsPerSecond),
    int8OpsPerSecond: Math.max(a.int8OpsPerSecond, b.int8OpsPerSecond),
  }
}

/**
 * Shares of the memory's speed in the decode and of the arithmetic of the weights' format in the
 * prefill; null on a card, whose ceilings are not measured.
 */
function ofRoof(
  { prefill, decode }: { prefill: number; decode: { batch: number; tokensPerSecond: number } },
  { bytesPerToken, flopsPerToken }: Awaited<ReturnType<typeof stepCost>>,
  ceilings: Ceilings,
  { info }: Model,
) {
  const peaks = new Map([
    ['f32', ceilings.f32FlopsPerSecond],
    ['f16', ceilings.f32FlopsPerSecond],
    ['bf16', ceilings.bf16FlopsPerSecond],
    ['int8', ceilings.int8OpsPerSecond],
  ])
  const isHost = info.device === 'cpu'
  const peak = isHost ? peaks.get(info.weights) : undefined
  return {
    prefill: {
      tokensPerSecond: prefill,
      fractionOfRoof: peak === undefined ? null : (prefill * flopsPerToken) / peak,
    },
    decode: {
      ...decode,
      bytesPerToken,
      fractionOfRoof: isHost
        ? (decode.tokensPerSecond * bytesPerToken) / ceilings.readBytesPerSecond
        : null,
    },
  }
}

async function measure(model: Model, sizes: Sizes, signal: AbortSignal) {
  const prefill: number[] = []
  const decode: number[] = []
  // The first run of each warms caches and is left out.
  for (let run = 0; run <= sizes.repeat && !signal.aborted; run++)
    prefill.push(await measurePrefill(model, sizes.promptTokens, run, signal))
  for (let run = 0; run <= sizes.repeat && !signal.aborted; run++)
    decode.push(await measureDecode(model, sizes, run, signal))
  if (signal.aborted) throw new ConclaveError('aborted', 'The benchmark was stopped.')
  return {
    prefill: median(prefill.slice(1)),
    decode: { batch: sizes.batch, tokensPerSecond: median(decode.slice(1)) },
  }
}

function machine({ info }: Model, ceilings: Ceilings) {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: info.threads,
    readBytesPerSecond: ceilings.readBytesPerSecond,
    int8OpsPerSecond: ceilings.int8OpsPerSecond,
    bf16FlopsPerSecond: ceilings.bf16FlopsPerSecond,
  }
}

type Report = {
  machine: ReturnType<typeof machine>
  load: { ms: number; peakRssBytes: number }
} & ReturnType<typeof ofRoof>

function page({ machine, load, prefill, decode }: Report): string {
  const percent = (share: number | null) =>
    share === null ? '' : `, ${(share * 100).toFixed(0)} % of the ceiling`
  const giga = (x: number) => (x / 1e9).toFixed(1)
  return (
    `${machine.cpu}, ${machine.threads} threads: reads ${giga(machine.readBytesPerSecond)} GB/s, ` +
    `computes ${giga(machine.bf16FlopsPerSecond)} bf16 GFLOP/s, ` +
    `${giga(machine.int8OpsPerSecond)} int8 GOP/s\n` +
    `load     ${load.ms.toFixed(0)} ms, peak RSS ${formatBytes(load.peakRssBytes)}\n` +
    `prefill  ${prefill.tokensPerSecond.toFixed(1)} tokens/s${percent(prefill.fractionOfRoof)}\n` +
    `decode   ${decode.tokensPerSecond.toFixed(1)} tokens/s at batch ${decode.batch}${percent(decode.fractionOfRoof)}\n`
  )
}
