/**
 * conclave eval: perplexity of a text, and the distance from other weights.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { isDiskFull, systemCode } from '../disk/system-error.ts'
import type { Model } from '../engine/model.ts'
import { ConclaveError } from '../errors.ts'
import { type Evaluation, evaluate, type WindowScore } from '../eval/evaluate.ts'
import { evaluationPicture } from '../eval/picture.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { interruptSignal } from './interrupt.ts'
import { loadFromFlags, modelFlags } from './model-flags.ts'

export const evalCommand: Command = {
  name: 'eval',
  summary: 'Measures the perplexity of a text, and how far other weights are from it.',
  flags: {
    text: { kind: 'string', value: 'FILE', help: 'UTF-8 text to foretell' },
    context: { kind: 'integer', value: 'N', help: 'tokens in a window (default 512)' },
    svg: { kind: 'string', value: 'FILE', help: 'draw how it went along the text' },
    'reference-weights': {
      kind: 'string',
      value: 'FORMAT',
      help: 'compare with the same model in these weights',
    },
    model: modelFlags.model,
    weights: modelFlags.weights,
    'kv-cache': modelFlags['kv-cache'],
    device: modelFlags.device,
    threads: modelFlags.threads,
    ...outputFlags,
  },
  async run(values) {
    const { text: path, context = 512, referenceWeights } = values
    if (typeof path !== 'string') throw new UsageError('Give a text: --text FILE.')
    if ((context as number) < 2)
      throw new UsageError(`--context takes at least 2 tokens, not ${context}.`)
    const text = await readUtf8(path)
    const signal = interruptSignal()
    const sizes = { maxContext: context as number }
    const { model } = await loadFromFlags(values, signal, sizes)
    let reference: Model | null = null
    try {
      if (referenceWeights !== undefined) {
        const other = { ...values, weights: referenceWeights, kvCache: 'auto' }
        reference = (await loadFromFlags(other, signal, sizes)).model
      }
      const ids = idsOf(model, text)
      const progress = evalProgress()
      const windows: WindowScore[] = []
      const result = await evaluate(model, ids, {
        context: context as number,
        reference,
        signal,
        onWindow: window => windows.push(window),
        onProgress: progress.update,
      }).finally(progress.clear)
      if (values.json === true) console.log(JSON.stringify(result))
      else process.stdout.write(table(result, model, values))
      if (typeof values.svg === 'string')
        await writeText(values.svg, evaluationPicture(titleOf(result, model, values), windows))
    } finally {
      await reference?.dispose()
      await model.dispose()
    }
  },
}

async function readUtf8(path: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    const code = systemCode(cause)
    const message = `Expected a text file at ${path}, but the system answered ${code}.`
    throw new ConclaveError('io_error', message, { path, code }, { cause })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ConclaveError(
      'invalid_file',
      `Expected UTF-8 text in ${path}, but its bytes are not.`,
      { path },
    )
  }
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (cause) {
    const code = systemCode(cause)
    const message = `Expected to write ${path}, but the system answered ${code}.`
    const name = isDiskFull(cause) ? 'disk_full' : 'io_error'
    throw new ConclaveError(name, message, { path, code }, { cause })
  }
}

function titleOf({ perplexity, tokens }: Evaluation, model: Model, values: Values): string {
  const { weights, kvCache } = model.info
  const against = values.referenceWeights === undefined ? '' : ` against ${values.referenceWeights}`
  const what = `${weights} weights, ${kvCache} KV cache${against}`
  return `${what}: perplexity ${perplexity.toFixed(3)} over ${tokens} tokens`
}

function idsOf(model: Model, text: string): Uint32Array {
  if (model.tokenizer !== null) return model.tokenizer.encode(text)
  throw new ConclaveError(
    'invalid_request',
    'Expected a model with a tokenizer, but this one takes token ids alone.',
  )
}

/** A line that moves on a terminal; elsewhere one line now and then, so that a log shows life. */
function evalProgress() {
  const quietMs = process.stderr.isTTY ? 500 : 30_000
  let last = performance.now()
  let drawn = false
  return {
    update(at: { doneTokens: number; totalTokens: number; perplexity: number }): void {
      if (performance.now() - last < quietMs) return
      last = performance.now()
      const line = `eval ${at.doneTokens} of ${at.totalTokens} tokens, perplexity ${at.perplexity.toFixed(3)}`
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
      drawn = process.stderr.isTTY
    },
    clear(): void {
      if (drawn) process.stderr.write('\r\x1b[K')
    },
  }
}

function table(result: Evaluation, model: Model, { referenceWeights }: Values): string {
  const { weights, kvCache } = model.info
  const rows: [string, string][] = [
    ['weights', `${weights}, KV cache ${kvCache}`],
    ['tokens', String(result.tokens)],
    ['perplexity', result.perplexity.toFixed(4)],
  ]
  if (result.referencePerplexity !== undefined) {
    const change = (result.perplexity / result.referencePerplexity - 1) * 100
    const sign = change < 0 ? '' : '+'
    rows.push(
      ['reference', `${referenceWeights}, perplexity ${result.referencePerplexity.toFixed(4)}`],
      ['change', `${sign}${change.toFixed(3)} %`],
      ['mean KL', `${result.klMean!.toExponential(3)} nats`],
      ['top-1', `${(result.top1Agreement! * 100).toFixed(2)} % alike`],
      ['logits', `off by ${result.maxLogitError!.toFixed(4)} at most`],
    )
  }
  return rows.map(([name, text]) => `${name.padEnd(12)}${text}\n`).join('')
}
