/**
 * The parts that the architectures share. A block reads as the paper draws it; what differs is an argument.
 * @module
 */
import type { ModelConfig } from '../files/config.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Table, Value } from '../graph/node.ts'
import type { Slices } from '../slices.ts'
import type { WeightMap } from './weight-map.ts'

/** What a layer is recorded with. */
export interface Recording {
  readonly graph: GraphBuilder
  readonly weights: WeightMap
  readonly config: ModelConfig
  readonly rope: { readonly invFreq: Table; readonly scale: number }
}

function linear(
  { graph, weights }: Recording,
  x: Value,
  name: string,
  out: number,
  bias: boolean,
): Value {
  const width = x.shape.at(-1) as number
  const w = weights.matrix(`${name}.weight`, out, width)
  return graph.matmul(x, w, bias ? weights.vector(`${name}.bias`, out) : undefined)
}

/** RMSNorm of the hidden state. */
export function norm(m: Recording, x: Value, name: string): Value {
  return m.graph.rmsNorm(
    x,
    m.weights.vector(`${name}.weight`, m.config.hiddenSize),
    m.config.rmsNormEps,
  )
}

/** Grouped-query attention with RoPE; `qkNorm` normalises each head of q and k first (Qwen3). */
export function attention(m: Recording, x: Value, name: string, qkNorm: boolean): Value {
  const { graph, weights, config, rope } = m
  const {
    numAttentionHeads: heads,
    numKeyValueHeads: kvHeads,
    headDim,
    attentionBias: bias,
  } = config
  const region = graph.kvRegion(kvHeads, headDim)
  const rotated = (h: Value) => graph.rope(h, graph.positions, rope.invFreq, headDim, rope.scale)
  const perHead = (h: Value, which: string) =>
    qkNorm
      ? graph.rmsNorm(h, weights.vector(`${name}.${which}.weight`, headDim), config.rmsNormEps)
      : h

  const queries = linear(m, x, `${name}.q_proj`, heads * headDim, bias)
  const keys = linear(m, x, `${name}.k_proj`, kvHeads * headDim, bias)
  const v = linear(m, x, `${name}.v_proj`, kvHeads * headDim, bias)
  // Side by side, as a GPU has one kernel for all of these.
  const q = rotated(perHead(queries, 'q_norm'))
  const k = rotated(perHead(keys, 'k_norm'))
  graph.storeKv(region, k, v)
  const heard = graph.attention(q, region, 1 / Math.sqrt(headDim))
  return linear(m, heard, `${name}.o_proj`, config.hiddenSize, bias)
}

/** down( silu(gate·x) ⊙ up·x ) */
export function mlp(m: Recording, x: Value, name: string): Value {
  const { hiddenSize, intermediateSize, mlpBias } = m.config
  const gate = linear(m, x, `${name}.gate_proj`, intermediateSize, mlpBias)
  const up = linear(m, x, `${name}.up_proj`, intermediateSize, mlpBias)
  return linear(m, m.graph.siluMul(gate, up), `${name}.down_proj`, hiddenSize, mlpBias)
}

/** The k best of many small MLPs for each token, weighted by the router. */
export function sparseMoe(m: Recording, x: Value, name: string): Value {
  const moe = m.config.moe!
  const router = m.weights.matrix(`${name}.gate.weight`, moe.numExperts, m.config.hiddenSize, true)
  const logits = m.graph.matmul(x, router)
  const route = m.graph.moeRoute(logits, moe.numExpertsPerTok, moe.normTopkProb)
  const { gate, up, down } = m.weights.experts(
    `${name}.experts`,
    moe.numExperts,
    m.config.hiddenSize,
    moe.moeIntermediateSize,
  )
  return m.graph.moeExperts(x, route, gate, up, down)
}

/** embed → layers → norm → head, the skeleton of every decoder here. `layer` maps the hidden state through layer i. */
export function* decoder(m: Recording, layer: (x: Value, i: number) => Value): Slices<Value> {
  const { graph, weights, config } = m
  const embedding = weights.matrix('embed_tokens.weight', config.vocabSize, config.hiddenSize)
  let x = graph.at('embed').embed(graph.tokenIds, embedding)
  for (let i = 0; i < config.numHiddenLayers; i++) {
    x = layer(x, i)
    yield
  }
  // Only the rows that are asked for go through the last norm and the head, the widest matrix of the model.
  x = norm({ ...m, graph: graph.at('head') }, graph.gatherRows(x, graph.logitRows), 'norm')
  return graph.matmul(
    x,
    weights.head(config.vocabSize, config.hiddenSize, embedding, config.tieWordEmbeddings),
  )
}

/** One pre-norm block: x + attention(norm(x)), then x + feedForward(norm(x)). */
export function block(
  m: Recording,
  x: Value,
  i: number,
  parts: { qkNorm: boolean; feedForward: typeof mlp },
): Value {
  const { graph } = m
  const name = `layers.${i}`
  graph.at(`${name}.self_attn`)
  x = graph.add(
    x,
    attention(m, norm(m, x, `${name}.input_layernorm`), `${name}.self_attn`, parts.qkNorm),
  )
  graph.at(`${name}.mlp`)
  return graph.add(
    x,
    parts.feedForward(m, norm(m, x, `${name}.post_attention_layernorm`), `${name}.mlp`),
  )
}
