/**
 * conclave bench: how fast a model loads, reads prompts and writes.
 * @module
 */
import { cpus } from 'node:os'
import { checkLoadOptions, type LoadOptions } from '../engine/load-options.ts'
import type { Model } from '../engine/model.ts'
import { openModel } from '../engine/open.ts'
import { decodeBytesPerToken } from '../engine/step-cost.ts'
import { ConclaveError } from '../errors.ts'
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
    const bytesPerToken = await decodeCost(values, sizes, more)
    const { model, loadMs } = await loadFromFlags(values, signal, more)
    try {
      const load = { ms: loadMs, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
      const speed = await measure(model, sizes, bytesPerToken, signal)
      const report = { machine: machine(model), load, ...speed }
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
  }
}

/** What a token of the decode must read, at the mean length of its sequences. */
async function decodeCost(values: Values, sizes: Sizes, more: LoadOptions): Promise<number> {
  const options = checkLoadOptions({ ...loadOptions(values), ...more })
  const { store, recorded, tensors, plan, executorOptions } = await openModel(
    modelSource(values),
    options,
  )
  store.close()
  return decodeBytesPerToken(recorded.graph, tensors, {
    format: options.weights,
    batch: sizes.batch,
    depth: Math.max(1, sizes.depth) + sizes.outputTokens / 2,
    kvBytesPerToken: plan.kvBytes / (plan.numPages * executorOptions.pageSize),
  })
}

async function measure(model: Model, sizes: Sizes, bytesPerToken: number, signal: AbortSignal) {
  const prefill: number[] = []
  const decode: number[] = []
  // The first run of each warms caches and is left out.
  for (let run = 0; run <= sizes.repeat && !signal.aborted; run++)
    prefill.push(await measurePrefill(model, sizes.promptTokens, run, signal))
  for (let run = 0; run <= sizes.repeat && !signal.aborted; run++)
    decode.push(await measureDecode(model, sizes, run, signal))
  if (signal.aborted) throw new ConclaveError('aborted', 'The benchmark was stopped.')
  return {
    prefill: { tokensPerSecond: median(prefill.slice(1)), fractionOfRoof: null },
    decode: {
      batch: sizes.batch,
      tokensPerSecond: median(decode.slice(1)),
      bytesPerToken,
      fractionOfRoof: null,
    },
  }
}

function machine({ info }: Model) {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: info.threads,
    readBytesPerSecond: null,
    int8OpsPerSecond: null,
    bf16FlopsPerSecond: null,
  }
}

type Report = {
  machine: ReturnType<typeof machine>
  load: { ms: number; peakRssBytes: number }
} & Awaited<ReturnType<typeof measure>>

function page({ machine, load, prefill, decode }: Report): string {
  return (
    `${machine.cpu}, ${machine.threads} threads\n` +
    `load     ${load.ms.toFixed(0)} ms, peak RSS ${formatBytes(load.peakRssBytes)}\n` +
    `prefill  ${prefill.tokensPerSecond.toFixed(1)} tokens/s\n` +
    `decode   ${decode.tokensPerSecond.toFixed(1)} tokens/s at batch ${decode.batch}\n`
  )
}
