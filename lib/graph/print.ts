/**
 * A graph as text for people: one line a node, or Graphviz dot.
 * @module
 */
import type { Graph, Node } from './node.ts'

const shapeOf = (graph: Graph, id: number) => `(${graph.values[id]!.shape.join(', ')})`

/** Weights of a node, experts folded into one line. */
function weightsOf(graph: Graph, node: Node): string {
  if (node.weights.length === 0) return ''
  const first = graph.weights[node.weights[0]!]!
  const name = `${first.tensor} [${first.rows}, ${first.cols}]`
  return node.weights.length > 2 ? `  ${name} … ${node.weights.length} matrices` : `  ${name}`
}

function attrsOf(node: Node): string {
  const attrs = Object.entries(node.attrs).map(([key, value]) => `${key}=${value}`)
  return attrs.length > 0 ? `  {${attrs.join(' ')}}` : ''
}

/**
 * One line a node: `%7 = matmul %6 (num_tokens, 64)  model.layers.0.self_attn.q_proj.weight [64, 64]`.
 * @example
 * console.log(printGraph(graph))
 */
export function printGraph(graph: Graph): string {
  const lines = [
    `${graph.architecture}: ${graph.nodes.length} nodes, ${graph.weights.length} weights, ${graph.regions.length} cache regions`,
  ]
  let label = ''
  for (const node of graph.nodes) {
    if (node.label !== label) {
      label = node.label
      lines.push(`${label}:`)
    }
    const inputs = node.inputs.map(id => `%${id}`).join(', ')
    const outputs = node.outputs.map(id => `%${id}`).join(', ')
    const shape = node.outputs.length > 0 ? ` ${shapeOf(graph, node.outputs[0]!)}` : ''
    lines.push(
      `  ${outputs ? `${outputs} = ` : ''}${node.op} ${inputs}${shape}${weightsOf(graph, node)}${attrsOf(node)}`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** The same as Graphviz dot; `dot -Tsvg` draws it. */
export function printDot(graph: Graph): string {
  const lines = [
    'digraph model {',
    '  rankdir=TB; node [shape=box, fontname="monospace", fontsize=10]',
  ]
  const producer = new Map<number, string>()
  for (const id of [0, 1, 2]) {
    producer.set(id, `v${id}`)
    lines.push(`  v${id} [label="${graph.values[id]!.name} ${shapeOf(graph, id)}", shape=ellipse]`)
  }
  graph.nodes.forEach((node, n) => {
    lines.push(
      `  n${n} [label="${node.label}\\n${node.op}${weightsOf(graph, node).replaceAll('"', '')}"]`,
    )
    for (const id of node.inputs)
      lines.push(`  ${producer.get(id)} -> n${n} [label="${shapeOf(graph, id)}", fontsize=8]`)
    for (const id of node.outputs) producer.set(id, `n${n}`)
  })
  return `${lines.join('\n')}\n}\n`
}
