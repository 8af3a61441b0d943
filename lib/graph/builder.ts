/**
 * Records a model: each method appends one frozen node and returns its output.
 * Shapes are inferred and checked here, so that a wrong architecture file fails with the layer's name.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { CacheRegion, Dim, Graph, Node, Op, Table, Value, WeightRef } from './node.ts'

type WeightSource = Omit<WeightRef, 'id'>

export class GraphBuilder {
  readonly #values: Value[] = []
  readonly #weights: WeightRef[] = []
  readonly #tables: Table[] = []
  readonly #regions: CacheRegion[] = []
  readonly #nodes: Node[] = []
  #label = 'model'

  /** (num_tokens) ids of this step's tokens. */
  readonly tokenIds: Value
  /** (num_tokens) place of each token in its sequence. */
  readonly positions: Value
  /** (num_rows) tokens of this step whose logits are wanted. */
  readonly logitRows: Value

  constructor() {
    this.tokenIds = this.#value('token_ids', ['num_tokens'], 'i32')
    this.positions = this.#value('positions', ['num_tokens'], 'i32')
    this.logitRows = this.#value('logit_rows', ['num_rows'], 'i32')
  }

  /** Names the part of the model that the next nodes belong to. */
  at(label: string): this {
    this.#label = label
    return this
  }

  weight(source: WeightSource): WeightRef {
    const ref = Object.freeze({ id: this.#weights.length, ...source })
    this.#weights.push(ref)
    return ref
  }

  table(name: string, values: ArrayLike<number>): Table {
    const table = Object.freeze({
      id: this.#tables.length,
      name,
      values: Object.freeze(Array.from(values)),
    })
    this.#tables.push(table)
    return table
  }

  /** A layer's key/value pages. */
  kvRegion(numKvHeads: number, headDim: number): CacheRegion {
    const region = Object.freeze({
      id: this.#regions.length,
      kind: 'kv' as const,
      numKvHeads,
      headDim,
    })
    this.#regions.push(region)
    return region
  }

  embed(tokenIds: Value, w: WeightRef): Value {
    return this.#node('embed', [tokenIds], [w], {}, ['num_tokens', w.cols])
  }

  /** Each run of `w.cols` values is normalised by itself: the hidden state, or each head of q and k. */
  rmsNorm(x: Value, w: WeightRef, eps: number): Value {
    const width = this.#width(x)
    this.#expect(width % w.cols === 0, `rms_norm of ${w.cols} values does not divide ${width}`)
    return this.#node('rms_norm', [x], [w], { eps }, x.shape)
  }

  matmul(x: Value, w: WeightRef, bias?: WeightRef): Value {
    this.#expect(
      this.#width(x) === w.cols,
      `matmul takes ${w.cols} values, but x has ${this.#width(x)}`,
    )
    this.#expect(
      bias === undefined || bias.cols === w.rows,
      `bias has ${bias?.cols} values, but ${w.rows} were expected`,
    )
    return this.#node('matmul', [x], bias ? [w, bias] : [w], {}, [x.shape[0]!, w.rows])
  }

  /** Rotates each head of x by its position; `scale` is YaRN's attention factor. */
  rope(x: Value, positions: Value, invFreq: Table, headDim: number, scale: number): Value {
    this.#expect(
      this.#width(x) % headDim === 0,
      `rope on heads of ${headDim} does not divide ${this.#width(x)}`,
    )
    return this.#node(
      'rope',
      [x, positions],
      [],
      { head_dim: headDim, scale, table: invFreq.id },
      x.shape,
    )
  }

  storeKv(region: CacheRegion, k: Value, v: Value): void {
    const width = region.numKvHeads * region.headDim
    this.#expect(
      this.#width(k) === width && this.#width(v) === width,
      `store_kv takes ${width} values a token`,
    )
    this.#append('store_kv', [k, v], [], { region: region.id }, [])
  }

  attention(q: Value, region: CacheRegion, scale: number): Value {
    this.#expect(
      this.#width(q) % (region.numKvHeads * region.headDim) === 0,
      'query heads do not divide among KV heads',
    )
    return this.#node('attention', [q], [], { region: region.id, scale }, q.shape)
  }

  siluMul(gate: Value, up: Value): Value {
    this.#expect(this.#width(gate) === this.#width(up), 'gate and up differ in width')
    return this.#node('silu_mul', [gate, up], [], {}, gate.shape)
  }

  add(a: Value, b: Value): Value {
    this.#expect(this.#width(a) === this.#width(b), 'the terms differ in width')
    return this.#node('add', [a, b], [], {}, a.shape)
  }

  /** (expert_ids, weights), both (num_tokens, num_experts_per_tok). */
  moeRoute(
    routerLogits: Value,
    numExpertsPerTok: number,
    normTopkProb: boolean,
  ): [ids: Value, weights: Value] {
    const shape = [routerLogits.shape[0]!, numExpertsPerTok]
    const ids = this.#value('expert_ids', shape, 'i32')
    const weights = this.#value('expert_weights', shape, 'activation')
    this.#append('moe_route', [routerLogits], [], { norm_topk_prob: normTopkProb }, [ids, weights])
    return [ids, weights]
  }

  moeExperts(
    x: Value,
    route: [ids: Value, weights: Value],
    gate: WeightRef[],
    up: WeightRef[],
    down: WeightRef[],
  ): Value {
    const [ids, weights] = route
    return this.#node(
      'moe_experts',
      [x, ids, weights],
      [...gate, ...up, ...down],
      { num_experts: gate.length },
      x.shape,
    )
  }

  gatherRows(x: Value, rows: Value): Value {
    return this.#node('gather_rows', [x, rows], [], {}, ['num_rows', this.#width(x)])
  }

  /** The finished graph; the builder is not used after it. */
  finish(architecture: string, logits: Value): Graph {
    return Object.freeze({
      version: 1,
      architecture,
      vocabSize: this.#width(logits),
      values: this.#values,
      weights: this.#weights,
      tables: this.#tables,
      regions: this.#regions,
      nodes: this.#nodes,
      logits: logits.id,
    })
  }

  #width(x: Value): number {
    const last = x.shape.at(-1)
    this.#expect(typeof last === 'number', `${x.name} has no constant width`)
    return last as number
  }

  #expect(holds: boolean, sentence: string): void {
    if (!holds) throw new ConclaveError('invalid_config', `${this.#label}: ${sentence}.`)
  }

  #value(name: string, shape: readonly Dim[], dtype: Value['dtype']): Value {
    const value = Object.freeze({
      id: this.#values.length,
      name,
      shape: Object.freeze([...shape]),
      dtype,
    })
    this.#values.push(value)
    return value
  }

  #append(
    op: Op,
    inputs: Value[],
    weights: WeightRef[],
    attrs: Node['attrs'],
    outputs: Value[],
  ): void {
    const ids = (list: { id: number }[]) => Object.freeze(list.map(x => x.id))
    const node = {
      op,
      label: this.#label,
      inputs: ids(inputs),
      outputs: ids(outputs),
      weights: ids(weights),
      attrs: Object.freeze(attrs),
    }
    this.#nodes.push(Object.freeze(node))
  }

  #node(
    op: Op,
    inputs: Value[],
    weights: WeightRef[],
    attrs: Node['attrs'],
    shape: readonly Dim[],
  ): Value {
    const out = this.#value(`${this.#label}.${op}`, shape, 'activation')
    this.#append(op, inputs, weights, attrs, [out])
    return out
  }
}
