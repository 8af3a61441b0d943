/**
 * Many phrases found in one pass over a text's words.
 * @module
 */
import type { Slices } from '../slices.ts'
import { type Word, wordsOf } from './words.ts'

/** A phrase that was found: the id it was added with, and the words and characters it covers. */
export interface PhraseFound {
  readonly id: string
  readonly first: number
  readonly last: number
  readonly start: number
  readonly end: number
}

interface Node {
  readonly next: Map<string, Node>
  /** Beginnings of words, from `*` at the end of a word of a phrase. */
  readonly beginnings: Map<string, Node>
  ids: string[]
}

/** Most words of a phrase. */
export const longestPhrase = 24
const wordsAtATime = 256
const shortestBeginning = 3
const longestBeginning = 24

const makeNode = (): Node => ({ next: new Map(), beginnings: new Map(), ids: [] })

function childOf(map: Map<string, Node>, key: string): Node {
  let child = map.get(key)
  if (child === undefined) {
    child = makeNode()
    map.set(key, child)
  }
  return child
}

/** A trie of phrases. A word of a phrase may end in `*`: any ending will do. */
export class PhraseIndex {
  readonly #root = makeNode()

  add(phrase: string, id: string): void {
    let node = this.#root
    for (const part of phrase.split(/\s+/)) {
      const open = part.endsWith('*')
      const words = wordsOf(part)
      words.slice(0, longestPhrase).forEach((word, i) => {
        const isBeginning = open && i === words.length - 1 && word.key.length >= shortestBeginning
        node = childOf(isBeginning ? node.beginnings : node.next, word.key)
      })
    }
    if (node !== this.#root && !node.ids.includes(id)) node.ids.push(id)
  }

  /** Every phrase that stands in `words`; the same id once for each place where it starts. */
  *find(words: readonly Word[]): Slices<PhraseFound[]> {
    const found: PhraseFound[] = []
    for (let first = 0; first < words.length; first++) {
      if (first % wordsAtATime === 0) yield
      this.#from(words, first, found)
    }
    return found
  }

  #from(words: readonly Word[], first: number, found: PhraseFound[]): void {
    let nodes: Node[] = [this.#root]
    const ends = new Map<string, number>()
    for (let at = first; at < words.length && nodes.length > 0; at++) {
      nodes = nodes.flatMap(node => follow(node, words[at]!.key))
      for (const node of nodes) for (const id of node.ids) ends.set(id, at)
      if (at - first >= longestPhrase) break
    }
    for (const [id, last] of ends)
      found.push({ id, first, last, start: words[first]!.start, end: words[last]!.end })
  }
}

function follow(node: Node, key: string): Node[] {
  const next: Node[] = []
  const exact = node.next.get(key)
  if (exact !== undefined) next.push(exact)
  if (node.beginnings.size === 0) return next
  const most = Math.min(key.length, longestBeginning)
  for (let length = shortestBeginning; length <= most; length++) {
    const open = node.beginnings.get(key.slice(0, length))
    if (open !== undefined) next.push(open)
  }
  return next
}
