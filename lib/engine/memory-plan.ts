/**
 * What a model will take before any of it is taken: weights, KV pages, workspace.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { Graph, WeightRef } from '../graph/node.ts'
import type { GraphPlan, TensorInfo } from '../native.ts'

export type WeightFormat = 'auto' | 'f32' | 'bf16' | 'int8'

const elementBytes = new Map([
  ['f32', 4],
  ['f16', 2],
  ['bf16', 2],
])

/** Columns that share a scale in the int8 kernels, and what they fill up: native/cpu/panels.h. */
const int8 = { groupCols: 32, blockCols: 64, blockBytes: 68, panelRows: 16 }

/**
 * What 'auto' makes of a stored format: int8 with scales for whole groups, and q8_0, are what the
 * int8 kernels take; other blocks, and other scales, are widened while loading.
 */
function memoryFormat(dtype: string, { scales, cols }: WeightRef): string {
  if (dtype === 'q8_0') return 'i8'
  if (/^q\d_/.test(dtype)) return 'bf16'
  if (scales === undefined) return dtype
  const { blockRows, blockCols } = scales
  const grouped = blockCols % int8.groupCols === 0 || blockCols === cols
  return dtype === 'i8' && blockRows === 1 && grouped ? 'i8' : 'bf16'
}

/** Each piece of a weight on a card, its values and its scales, begins at a multiple of this. */
const cardAlign = 256
const aligned = (bytes: number) => Math.ceil(bytes / cardAlign) * cardAlign

/** Of a matrix in int8 rows, as a card has them: values, and f32 scales apart. */
function int8RowBytes({ rows, cols }: WeightRef): number {
  return aligned(rows * cols) + aligned(rows * Math.ceil(cols / int8.groupCols) * 4)
}

/** Of a matrix in int8 panels: whole blocks with their scales, and a f32 scale for each row. */
function int8PanelBytes({ rows, cols }: WeightRef): number {
  const filledRows = Math.ceil(rows / int8.panelRows) * int8.panelRows
  return filledRows * (Math.ceil(cols / int8.blockCols) * int8.blockBytes + 4)
}

/** Gives the bytes of a weight as kernels of the device read it. */
export function weightSizer(
  tensors: readonly TensorInfo[],
  format: WeightFormat,
  device: 'cpu' | 'cuda' = 'cpu',
): (ref: WeightRef) => number {
  const stored = new Map(tensors.map(tensor => [tensor.name, tensor.dtype]))
  const kept = (ref: WeightRef): string => {
    if (ref.kind === 'vector' || ref.exact === true) return 'f32'
    if (format !== 'auto') return format === 'int8' ? 'i8' : format
    return memoryFormat(stored.get(ref.tensor) ?? '', ref)
  }
  return ref => {
    const dtype = kept(ref)
    if (dtype === 'i8') return device === 'cpu' ? int8PanelBytes(ref) : int8RowBytes(ref)
    const bytes = ref.rows * ref.cols * (elementBytes.get(dtype) ?? 4)
    return device === 'cpu' ? bytes : aligned(bytes)
  }
}

/** Bytes of all weights together. */
export function weightBytes(
  graph: Graph,
  tensors: readonly TensorInfo[],
  format: WeightFormat,
  device: 'cpu' | 'cuda' = 'cpu',
): number {
  const sizeOf = weightSizer(tensors, format, device)
  return graph.weights.reduce((sum, ref) => sum + sizeOf(ref), 0)
}

/** Number format → bytes of the files in it, largest first. */
export function storedBytes(tensors: readonly TensorInfo[]): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>()
  for (const t of tensors) bytes.set(t.dtype, (bytes.get(t.dtype) ?? 0) + t.bytes)
  return new Map([...bytes].sort((a, b) => b[1] - a[1]))
}

/** What 'auto' means for these files: the format that most elements of the weights have in memory. */
export function storedFormat(graph: Graph, tensors: readonly TensorInfo[]): string {
  const stored = new Map(tensors.map(tensor => [tensor.name, tensor.dtype]))
  const elements = new Map<string, number>()
  for (const ref of graph.weights) {
    const format = ref.kind === 'vector' ? 'f32' : memoryFormat(stored.get(ref.tensor) ?? '', ref)
    elements.set(format, (elements.get(format) ?? 0) + ref.rows * ref.cols)
  }
  const most = [...elements].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'f32'
  return most === 'i8' ? 'int8' : most
}

export interface MemoryPlan {
  weightBytes: number
  kvBytes: number
  workspaceBytes: number
  totalBytes: number
}

export interface SizedPlan extends MemoryPlan {
  maxContext: number
  numPages: number
}

export interface PlanInput extends GraphPlan {
  weightBytes: number
  pageSize: number
  /** Longest sequence that the model is made for, in tokens. */
  modelContext: number
  /** As the caller asked; undefined: as memory allows. */
  maxContext: number | undefined
  kvPages: number | undefined
  availableBytes: number
}

const defaultContext = 32_768
const extraTokens = 8192
/** Left to the rest of the program when sizes are chosen for the caller. */
const headroom = 0.9

/**
 * Sizes what the caller left open to fit `availableBytes`. Throws `invalid_request` for a context
 * beyond the model's.
 */
export function planMemory(input: PlanInput): SizedPlan {
  const { pageSize, modelContext, kvBytesPerPage } = input
  if (input.maxContext !== undefined && input.maxContext > modelContext)
    throw new ConclaveError(
      'invalid_request',
      `Expected maxContext of at most ${modelContext} tokens, which the model is made for, but ` +
        `got ${input.maxContext}.`,
      { maxContext: input.maxContext, modelContext },
    )
  const fixed = input.workspaceBytes + input.scratchBytes
  const room = input.availableBytes * headroom - input.weightBytes - fixed
  const wished = input.maxContext ?? Math.min(modelContext, defaultContext)
  const pagesOf = (tokens: number) => Math.ceil(tokens / pageSize)
  // Kernels take more for each page of a sequence: of all that is wished, or of what fits.
  const whole = (room - pagesOf(wished) * input.scratchBytesPerPage) / kvBytesPerPage
  const shared = room / (kvBytesPerPage + input.scratchBytesPerPage)
  const affordable = Math.max(1, Math.floor(Math.max(whole, shared)))
  const fitting = Math.min(affordable, input.kvPages ?? affordable)
  const maxContext = input.maxContext ?? Math.min(wished, fitting * pageSize)
  const longest = pagesOf(maxContext)
  const generous = longest + pagesOf(Math.min(3 * maxContext, extraTokens))
  const numPages = input.kvPages ?? Math.max(longest, Math.min(generous, affordable))
  const kvBytes = numPages * kvBytesPerPage
  const { weightBytes } = input
  const workspaceBytes = fixed + longest * input.scratchBytesPerPage
  const totalBytes = weightBytes + kvBytes + workspaceBytes
  return { weightBytes, kvBytes, workspaceBytes, totalBytes, maxContext, numPages }
}

/** Throws `insufficient_memory` with all numbers where the plan is more than what is available. */
export function refuseTooLarge(
  plan: MemoryPlan,
  availableBytes: number,
  device: 'cpu' | 'cuda' = 'cpu',
): void {
  if (plan.totalBytes <= availableBytes) return
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
  throw new ConclaveError(
    'insufficient_memory',
    `Expected at least ${gib(plan.totalBytes)} of free memory${device === 'cuda' ? ' on the GPU' : ''} (weights ` +
      `${gib(plan.weightBytes)}, KV ${gib(plan.kvBytes)}, workspace ` +
      `${gib(plan.workspaceBytes)}), but ${gib(availableBytes)} is available. ` +
      "Free some, choose weights: 'int8' or a smaller maxContext.",
    { ...plan, availableBytes },
  )
}
