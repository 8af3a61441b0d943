/**
 * conclave quantize: writes a smaller copy of a model.
 * @module
 */
import { type QuantizeFormat, quantizeModel } from '../quantize/quantize.ts'
import { type Command, outputFlags, UsageError } from './command.ts'
import { interruptSignal } from './interrupt.ts'
import { formatBytes, loadProgress } from './progress.ts'

export const quantize: Command = {
  name: 'quantize',
  summary: 'Writes a model with int8 matrices to a new folder, or to a GGUF file.',
  positionals: ['IN', 'OUT'],
  flags: {
    weights: { kind: 'string', value: 'FORMAT', help: 'int8 (the default)' },
    format: {
      kind: 'string',
      value: 'FORMAT',
      help: 'compressed-tensors (a folder, the default) or gguf (a Q8_0 file)',
    },
    group: {
      kind: 'integer',
      value: 'N',
      help: 'columns that share a scale (default 32; 0: a row)',
    },
    ...outputFlags,
  },
  async run({ weights = 'int8', format = 'compressed-tensors', group, json }, [source, target]) {
    if (source === undefined || target === undefined)
      throw new UsageError('Give the model and the new folder: conclave quantize IN OUT.')
    if (weights !== 'int8') throw new UsageError(`--weights takes int8, not '${weights}'.`)
    if (group !== undefined && (group as number) < 0)
      throw new UsageError(`--group takes a number of columns, not '${group}'.`)
    if (format !== 'compressed-tensors' && format !== 'gguf')
      throw new UsageError(`--format takes compressed-tensors or gguf, not '${format}'.`)
    if (format === 'gguf' && group !== undefined)
      throw new UsageError('--group is for compressed-tensors: in GGUF 32 columns share a scale.')
    if (format === 'gguf' && !/\.gguf$/i.test(target))
      throw new UsageError(`Give OUT a name that ends in .gguf, not '${target}'.`)
    const progress = loadProgress()
    const result = await quantizeModel(source, target, {
      format: format as QuantizeFormat,
      ...(group !== undefined && { group: group as number }),
      signal: interruptSignal(),
      onProgress: progress.update,
    }).finally(progress.clear)
    if (json === true) return console.log(JSON.stringify(result))
    const { bytesIn, bytesOut, tensors } = result
    const share = ((bytesOut / bytesIn) * 100).toFixed(1)
    const sizes = `${formatBytes(bytesIn)} → ${formatBytes(bytesOut)}, ${share} %`
    console.log(`${sizes}, ${tensors} tensors, in ${target}`)
  },
}
