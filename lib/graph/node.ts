/**
 * The recorded model: frozen data, plain JSON. The native executor receives it once, checks every shape by name,
 * plans the memory and replays it each step.
 * @module
 */

/** A dimension: a constant, or one that each step binds. */
export type Dim = number | 'num_tokens' | 'num_rows'

/** What flows between nodes. Activations are the device's own float type (f32 on the CPU). */
export interface Value {
  readonly id: number
  readonly name: string
  readonly shape: readonly Dim[]
  readonly dtype: 'activation' | 'i32'
}

/**
 * Where a weight lies: element (r, c) is at `offset + r · rowStride + c · colStride` of the tensor, in elements.
 * A dense slice is used in place; any other stride is copied once while binding.
 */
export interface WeightRef {
  readonly id: number
  readonly tensor: string
  /** A matrix may be stored in the dtype that the caller asked for; a vector is always f32. */
  readonly kind: 'matrix' | 'vector'
  readonly rows: number
  readonly cols: number
  readonly offset: number
  readonly rowStride: number
  readonly colStride: number
  /**
   * In each run of so many rows (elements of a vector) the file has row i and row i + half side by
   * side, as 2i and 2i + 1; binding puts them half a run apart. 0: rows lie as they are used.
   */
  readonly interleavedHeadDim?: number
  /** Absent: the stored values stand as they are. */
  readonly scales?: ScaleRef
  /** Held in f32 whatever is asked for: a router, whose choices flip on small errors. */
  readonly exact?: boolean
}

/**
 * Scales of a quantised matrix: number (i, j) multiplies rows i · blockRows … and columns
 * j · blockCols …; they lie row-major, ceil(cols / blockCols) to a row.
 */
export interface ScaleRef {
  readonly tensor: string
  readonly blockRows: number
  readonly blockCols: number
}

/** A small constant computed while recording, such as RoPE's inverse frequencies. */
export interface Table {
  readonly id: number
  readonly name: string
  readonly values: readonly number[]
}

/** One layer's part of a sequence's cache. `kv`: pages of keys and values. */
export interface CacheRegion {
  readonly id: number
  readonly kind: 'kv'
  readonly numKvHeads: number
  readonly headDim: number
}

export type Op =
  | 'embed'
  | 'rms_norm'
  | 'matmul'
  | 'rope'
  | 'store_kv'
  | 'attention'
  | 'silu_mul'
  | 'add'
  | 'moe_route'
  | 'moe_experts'
  | 'gather_rows'

/** One op applied; numbers are ids of values, weights, tables and regions. The contract of each op is native/ops/<op>.h. */
export interface Node {
  readonly op: Op
  /** Which part of the model this is, e.g. `layers.3.self_attn`. */
  readonly label: string
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  readonly weights: readonly number[]
  readonly attrs: Readonly<Record<string, number | boolean>>
}

/** Ids of the values that a step provides. */
export const inputIds = { tokenIds: 0, positions: 1, logitRows: 2 } as const

export interface Graph {
  readonly version: 1
  readonly architecture: string
  readonly vocabSize: number
  readonly values: readonly Value[]
  readonly weights: readonly WeightRef[]
  readonly tables: readonly Table[]
  readonly regions: readonly CacheRegion[]
  readonly nodes: readonly Node[]
  /** The value that holds the logits, (num_rows, vocab_size). */
  readonly logits: number
}
