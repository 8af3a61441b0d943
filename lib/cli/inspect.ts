/**
 * conclave inspect: what a model is and what it would take, without loading it.
 * @module
 */
import { basename } from 'node:path'
import { checkLoadOptions } from '../engine/load-options.ts'
import { storedBytes, weightBytes } from '../engine/memory-plan.ts'
import { type OpenModel, openModel } from '../engine/open.ts'
import { printDot, printGraph } from '../graph/print.ts'
import { type Command, outputFlags, UsageError } from './command.ts'
import { loadOptions, modelFlags, modelSource } from './model-flags.ts'
import { formatBytes } from './progress.ts'

export const inspect: Command = {
  name: 'inspect',
  summary: 'Shows what a model is and the memory that it would take, without loading it.',
  flags: {
    ...modelFlags,
    graph: { kind: 'string', value: 'dot', bare: 'text', help: 'print the recorded graph instead' },
    ...outputFlags,
  },
  async run(values) {
    const { graph } = values
    if (graph !== undefined && graph !== 'text' && graph !== 'dot')
      throw new UsageError(`--graph takes no value or 'dot', not '${graph}'.`)
    const open = await openModel(modelSource(values), checkLoadOptions(loadOptions(values)))
    try {
      if (graph !== undefined)
        process.stdout.write((graph === 'dot' ? printDot : printGraph)(open.recorded.graph))
      else if (values.json === true) console.log(JSON.stringify(describe(open)))
      else process.stdout.write(page(open))
    } finally {
      open.store.close()
    }
  },
}

function describe(open: OpenModel) {
  const { recorded, tensors, folder, plan } = open
  const { parametersTotal, parametersActive, graph } = recorded
  const { device } = open.executorOptions
  const size = (format: 'f32' | 'bf16' | 'int8') => weightBytes(graph, tensors, format, device)
  return {
    architecture: folder.config.modelType,
    parametersTotal,
    parametersActive,
    tensors: tensors.length,
    files: folder.weightFiles.length,
    plan: {
      weightBytes: plan.weightBytes,
      kvBytes: plan.kvBytes,
      workspaceBytes: plan.workspaceBytes,
      totalBytes: plan.totalBytes,
    },
    sizes: { f32: size('f32'), bf16: size('bf16'), int8: size('int8') },
    stored: Object.fromEntries(storedBytes(tensors)),
    weights: open.weights,
    kvCache: open.executorOptions.kvCache,
    maxContext: plan.maxContext,
    kvTokens: plan.numPages * open.executorOptions.pageSize,
    device,
    availableBytes: open.availableBytes,
  }
}

const smaller = (size: number, than: number) => `${((1 - size / than) * 100).toFixed(1)} %`

function page(open: OpenModel): string {
  const { plan, sizes, ...facts } = describe(open)
  const { config } = open.folder
  const where = facts.device === 'cuda' ? 'free on the GPU' : 'available'
  const millions = (n: number) => `${(n / 1e6).toFixed(1)} M`
  const experts = config.moe
    ? `, ${config.moe.numExperts} experts, ${config.moe.numExpertsPerTok} a token`
    : ''
  const stored = Object.entries(facts.stored).map(
    ([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`,
  )
  const rows = [
    ['model', basename(open.folder.path)],
    ['architecture', `${facts.architecture}, ${config.numHiddenLayers} layers${experts}`],
    [
      'parameters',
      `${millions(facts.parametersTotal)}, ${millions(facts.parametersActive)} active`,
    ],
    ['files', `${facts.files}, ${facts.tensors} tensors`],
    ['stored as', stored.join(', ')],
    ['weights', `${facts.weights}, ${formatBytes(plan.weightBytes)}`],
    ['KV cache', `${facts.kvCache}, ${facts.kvTokens} tokens, ${formatBytes(plan.kvBytes)}`],
    ['workspace', formatBytes(plan.workspaceBytes)],
    ['in all', `${formatBytes(plan.totalBytes)} of ${formatBytes(facts.availableBytes)} ${where}`],
    ['context', `${facts.maxContext} tokens`],
    ['as f32', formatBytes(sizes.f32)],
    ['as bf16', formatBytes(sizes.bf16)],
    [
      'as int8',
      `${formatBytes(sizes.int8)}, ${smaller(sizes.int8, sizes.f32)} smaller than f32, ` +
        `${smaller(sizes.int8, sizes.bf16)} than bf16`,
    ],
  ]
  return rows.map(([name, text]) => `${name!.padEnd(14)}${text}\n`).join('')
}
