/**
 * The recorded graph as the text that crosses to native code.
 * @module
 */
import type { Slices } from '../slices.ts'
import type { Graph } from './node.ts'

const itemsAtATime = 256

/** What JSON.stringify gives, written a few items at a time: a model may have 100,000 weights. */
export function* graphJson(graph: Graph): Slices<string> {
  const fields: string[] = []
  for (const [key, value] of Object.entries(graph)) {
    const text = Array.isArray(value) ? yield* listJson(value) : JSON.stringify(value)
    fields.push(`${JSON.stringify(key)}:${text}`)
  }
  return `{${fields.join(',')}}`
}

function* listJson(items: readonly unknown[]): Slices<string> {
  const parts: string[] = []
  for (let at = 0; at < items.length; at += itemsAtATime) {
    parts.push(JSON.stringify(items.slice(at, at + itemsAtATime)).slice(1, -1))
    yield
  }
  return `[${parts.join(',')}]`
}
