/**
 * Checkpoint names → weights of the graph: what is there, in which of the layouts seen in the wild, and what is left over.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { QuantizationConfig } from '../files/config.ts'
import { plainLayout, type TensorLayout } from '../files/tensor-layout.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { ScaleRef, WeightRef } from '../graph/node.ts'
import type { TensorInfo } from '../native.ts'
import type { Slices } from '../slices.ts'
import { isQuantized, scalesFor } from './weight-scales.ts'

/** The three matrices of each expert, indexed by expert id. */
export interface ExpertWeights {
  gate: WeightRef[]
  up: WeightRef[]
  down: WeightRef[]
}

/** Where a projection lies in a tensor of all experts. */
interface StackedPart {
  stored: string
  firstRow: number
  /** Of one expert in the tensor. */
  allRows: number
  rows: number
  cols: number
}

/** Tensors that carry nothing the model needs: draft heads, recomputed buffers, other modalities. */
const ignorable = /(^|\.)(mtp\.|rotary_emb\.inv_freq$|visual\.|masked_bias$|attn\.bias$)/

/** Prefixes under which a language model's own tensors are found, tried in this order. */
const prefixes = ['model.', 'model.language_model.', 'language_model.model.', '']

const tensorsAtATime = 1024

/** Tensors by their name in a Hugging Face checkpoint. Throws `invalid_file` where two are the same weight. */
export function* tensorsByName(
  tensors: readonly TensorInfo[],
  layout: TensorLayout = plainLayout,
): Slices<Map<string, TensorInfo>> {
  const named = new Map<string, TensorInfo>()
  for (const [i, tensor] of tensors.entries()) {
    const name = layout.nameOf(tensor.name)
    const other = named.get(name)
    if (other !== undefined) throw sameWeight(tensor, other)
    named.set(name, tensor)
    if (i % tensorsAtATime === 0) yield
  }
  return named
}

export class WeightMap {
  readonly #graph: GraphBuilder
  readonly #tensors: Map<string, TensorInfo>
  readonly #used = new Map<string, TensorInfo>()
  /** Scales of the weights in use; they are no parameters. */
  readonly #scales = new Set<string>()
  /** Name in a Hugging Face checkpoint of each weight, by its id. */
  readonly #names: string[] = []
  readonly #layout: TensorLayout
  readonly #quantization: QuantizationConfig | null
  readonly #prefix: string

  constructor(
    graph: GraphBuilder,
    tensors: Map<string, TensorInfo>,
    layout: TensorLayout = plainLayout,
    quantization: QuantizationConfig | null = null,
  ) {
    this.#graph = graph
    this.#layout = layout
    this.#quantization = quantization
    this.#tensors = tensors
    const prefix = prefixes.find(p => this.#tensors.has(`${p}embed_tokens.weight`))
    if (prefix === undefined) throw missing('model.embed_tokens.weight', tensors.size)
    this.#prefix = prefix
  }

  /** True where the checkpoint has the tensor, by its name below the model's prefix. */
  has(name: string): boolean {
    return this.#tensors.has(this.#prefix + name)
  }

  /** A (rows, cols) matrix, by its name below the model's prefix; `exact` holds it in f32. */
  matrix(name: string, rows: number, cols: number, exact = false): WeightRef {
    return this.#dense('matrix', this.#prefix + name, [rows, cols], rows, cols, exact)
  }

  /** A vector of `size` values: a norm's weight or a bias. */
  vector(name: string, size: number): WeightRef {
    return this.#dense('vector', this.#prefix + name, [size], 1, size)
  }

  /** The output head: `lm_head.weight`, or the embedding where the two are tied. */
  head(vocabSize: number, hiddenSize: number, embedding: WeightRef, tied: boolean): WeightRef {
    const names = ['lm_head.weight', 'language_model.lm_head.weight']
    const name = names.find(n => this.#tensors.has(n))
    if (tied) {
      // A duplicate that some files carry is not a weight: the embedding is the truth.
      if (name !== undefined) this.#tensors.delete(name)
      return embedding
    }
    if (name === undefined) throw missing('lm_head.weight', this.#tensors.size)
    return this.#dense('matrix', name, [vocabSize, hiddenSize], vocabSize, hiddenSize)
  }

  /**
   * The experts below `prefix` (`layers.3.mlp.experts`), in any of the layouts on disk:
   * one tensor an expert and projection; fused `gate_up_proj` (E, 2·I, H) with `down_proj` (E, H, I);
   * both transposed; or one stacked tensor a projection, as GGUF has them, or for gate and up.
   */
  experts(
    prefix: string,
    numExperts: number,
    hiddenSize: number,
    intermediateSize: number,
  ): ExpertWeights {
    const merged = this.has(`${prefix}.gate_up_exps`)
    if (merged || this.has(`${prefix}.gate_exps`)) {
      const inner = { rows: intermediateSize, cols: hiddenSize }
      const both = { stored: 'gate_up', allRows: 2 * intermediateSize }
      const stacked = (projection: string, part: Partial<StackedPart> & typeof inner) =>
        this.#stackedExperts(prefix, projection, numExperts, {
          stored: projection,
          firstRow: 0,
          allRows: part.rows,
          ...part,
        })
      return {
        gate: stacked('gate', merged ? { ...inner, ...both } : inner),
        up: stacked('up', merged ? { ...inner, ...both, firstRow: intermediateSize } : inner),
        down: stacked('down', { rows: hiddenSize, cols: intermediateSize }),
      }
    }
    if (this.has(`${prefix}.gate_up_proj`))
      return this.#fusedExperts(prefix, numExperts, hiddenSize, intermediateSize)
    const each = (projection: string, rows: number, cols: number) =>
      Array.from({ length: numExperts }, (_, e) =>
        this.matrix(`${prefix}.${e}.${projection}.weight`, rows, cols),
      )
    return {
      gate: each('gate_proj', intermediateSize, hiddenSize),
      up: each('up_proj', intermediateSize, hiddenSize),
      down: each('down_proj', hiddenSize, intermediateSize),
    }
  }

  /** One tensor (E, allRows, cols) with a projection of all experts, alone or above another. */
  #stackedExperts(
    prefix: string,
    projection: string,
    numExperts: number,
    { stored, firstRow, allRows, rows, cols }: StackedPart,
  ): WeightRef[] {
    const tensor = this.#take(`${this.#prefix}${prefix}.${stored}_exps`)
    const shape = [numExperts, allRows, cols]
    if (!sameShape(tensor.shape, shape)) throw wrongShape(tensor, shape)
    return Array.from({ length: numExperts }, (_, e) =>
      this.#record(this.#expertName(prefix, e, projection), {
        tensor: tensor.name,
        kind: 'matrix',
        rows,
        cols,
        offset: (e * allRows + firstRow) * cols,
        rowStride: cols,
        colStride: 1,
      }),
    )
  }

  #expertName(prefix: string, expert: number, projection: string): string {
    return `${this.#prefix}${prefix}.${expert}.${projection}_proj.weight`
  }

  #fusedExperts(
    prefix: string,
    numExperts: number,
    hidden: number,
    intermediate: number,
  ): ExpertWeights {
    const gateUp = this.#take(`${this.#prefix}${prefix}.gate_up_proj`)
    const down = this.#take(`${this.#prefix}${prefix}.down_proj`)
    const is = (tensor: TensorInfo, rows: number, cols: number) =>
      sameShape(tensor.shape, [numExperts, rows, cols])
    // Where hidden = 2 · intermediate, gate_up has the same shape either way and down_proj alone decides.
    const dense = is(down, hidden, intermediate) && is(gateUp, 2 * intermediate, hidden)
    const transposed =
      !dense && is(down, intermediate, hidden) && is(gateUp, hidden, 2 * intermediate)
    if (!dense && !transposed) throw wrongShape(gateUp, [numExperts, 2 * intermediate, hidden])
    const each = (
      projection: string,
      tensor: TensorInfo,
      firstRow: number,
      rows: number,
      cols: number,
      allRows: number,
    ) =>
      Array.from({ length: numExperts }, (_, e) =>
        this.#record(this.#expertName(prefix, e, projection), {
          tensor: tensor.name,
          kind: 'matrix',
          rows,
          cols,
          offset: e * allRows * cols + firstRow * (dense ? cols : 1),
          rowStride: dense ? cols : 1,
          colStride: dense ? 1 : allRows,
        }),
      )
    return {
      gate: each('gate', gateUp, 0, intermediate, hidden, 2 * intermediate),
      up: each('up', gateUp, intermediate, intermediate, hidden, 2 * intermediate),
      down: each('down', down, 0, hidden, intermediate, hidden),
    }
  }

  /** Names no part of the model took; throws where one of them looks like a weight that the config knows nothing of. */
  *finish(): Slices<{
    parameters: number
    names: readonly string[]
    used: readonly TensorInfo[]
  }> {
    const surplus: string[] = []
    let seen = 0
    for (const name of this.#tensors.keys()) {
      const wanted = this.#used.has(name) || this.#scales.has(name) || ignorable.test(name)
      if (!wanted) surplus.push(name)
      if (seen++ % tensorsAtATime === 0) yield
    }
    if (surplus.length > 0) {
      throw new ConclaveError(
        'invalid_file',
        `Expected only tensors that config.json describes, but found ${surplus.length} more, such as "${surplus[0]}". ` +
          'Check num_hidden_layers, num_experts, tie_word_embeddings and the bias keys of config.json.',
        { tensors: surplus.slice(0, 10) },
      )
    }
    const used = [...this.#used.values()]
    const sizes = used.map(tensor => tensor.shape.reduce((a, b) => a * b, 1))
    const parameters = sizes.reduce((a, b) => a + b, 0)
    return { parameters, names: this.#names, used }
  }

  #dense(
    kind: WeightRef['kind'],
    name: string,
    shape: number[],
    rows: number,
    cols: number,
    exact = false,
  ): WeightRef {
    const tensor = this.#take(name)
    if (!sameShape(tensor.shape, shape)) throw wrongShape(tensor, shape)
    const interleavedHeadDim = this.#layout.interleavedHeadDim(name)
    const scales = this.#scalesOf(tensor, name)
    return this.#record(name, {
      tensor: tensor.name,
      kind,
      rows,
      cols,
      offset: 0,
      rowStride: cols,
      colStride: 1,
      exact,
      ...(scales && { scales }),
      ...(interleavedHeadDim > 0 && { interleavedHeadDim }),
    })
  }

  #scalesOf(tensor: TensorInfo, name: string): ScaleRef | undefined {
    if (this.#quantization === null || !isQuantized(tensor)) return undefined
    const find = (suffix: string) => this.#tensors.get(name.replace(/weight$/, suffix))
    const { scales, ref } = scalesFor(tensor, this.#quantization, find)
    this.#scales.add(this.#layout.nameOf(scales.name))
    return ref
  }

  #record(name: string, source: Omit<WeightRef, 'id'>): WeightRef {
    const ref = this.#graph.weight(source)
    this.#names[ref.id] = name
    return ref
  }

  #take(name: string): TensorInfo {
    const tensor = this.#tensors.get(name)
    if (tensor === undefined) throw missing(name, this.#tensors.size)
    this.#used.set(name, tensor)
    return tensor
  }
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, i) => n === b[i])

const sameWeight = (tensor: TensorInfo, other: TensorInfo) =>
  new ConclaveError(
    'invalid_file',
    `Expected each weight once, but "${other.name}" and "${tensor.name}" are the same one.`,
    { tensors: [other.name, tensor.name] },
  )

const missing = (name: string, count: number) =>
  new ConclaveError(
    'invalid_file',
    `Expected tensor "${name}" in the weight files, but it is not among their ${count} tensors.`,
    { tensor: name },
  )

const wrongShape = (tensor: TensorInfo, expected: readonly number[]) =>
  new ConclaveError(
    'invalid_file',
    `Expected shape [${expected.join(', ')}] for "${tensor.name}" from config.json, but the file holds [${tensor.shape.join(', ')}].`,
    { tensor: tensor.name, expected, actual: tensor.shape },
  )
