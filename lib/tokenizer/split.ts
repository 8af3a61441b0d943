/**
 * What becomes of a pattern's matches when a text is split by it.
 * @module
 */

/** A part of the text, and whether it is a delimiter. */
export interface Stretch {
  text: string
  matched: boolean
}

/** Matches and what lies between them, in order and none empty; `inverted` swaps their parts. */
export function stretches(text: string, pattern: RegExp, inverted: boolean): Stretch[] {
  const parts: Stretch[] = []
  const add = (part: string, matched: boolean) => {
    if (part !== '') parts.push({ text: part, matched: matched !== inverted })
  }
  let done = 0
  for (const match of text.matchAll(pattern)) {
    add(text.slice(done, match.index), false)
    add(match[0], true)
    done = match.index + match[0].length
  }
  add(text.slice(done), false)
  return parts
}

type Behavior = (parts: Stretch[]) => string[]

const mergedWithPrevious: Behavior = parts => {
  const words: string[] = []
  parts.forEach(({ text, matched }, i) => {
    const joins = matched && i > 0 && !parts[i - 1]!.matched
    if (joins) words[words.length - 1] += text
    else words.push(text)
  })
  return words
}

const mergedWithNext: Behavior = parts => {
  const words: string[] = []
  parts.forEach(({ text, matched }, i) => {
    const joins = !matched && i > 0 && parts[i - 1]!.matched
    if (joins) words[words.length - 1] += text
    else words.push(text)
  })
  return words
}

const contiguous: Behavior = parts => {
  const words: string[] = []
  parts.forEach(({ text, matched }, i) => {
    if (i > 0 && parts[i - 1]!.matched === matched) words[words.length - 1] += text
    else words.push(text)
  })
  return words
}

/** By the file's name in lower case. */
export const behaviors: ReadonlyMap<string, Behavior> = new Map<string, Behavior>([
  ['isolated', parts => parts.map(part => part.text)],
  ['removed', parts => parts.filter(part => !part.matched).map(part => part.text)],
  ['mergedwithprevious', mergedWithPrevious],
  ['mergedwithnext', mergedWithNext],
  ['contiguous', contiguous],
])
