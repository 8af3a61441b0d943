/**
 * How the tensors of a file relate to the names and rows of a Hugging Face checkpoint.
 * @module
 */

/** Told to whoever records a model over the tensors of a file. */
export interface TensorLayout {
  /** The checkpoint's name of a tensor that the file calls `stored`. */
  nameOf(stored: string): string
  /**
   * Above 0: in each run of this many rows of the weight (elements of the bias) called `name`, the
   * file has rows i and i + half side by side, for kernels that rotate neighbours.
   */
  interleavedHeadDim(name: string): number
}

/** Safetensors: names and rows are what the model expects. */
export const plainLayout: TensorLayout = {
  nameOf: stored => stored,
  interleavedHeadDim: () => 0,
}
