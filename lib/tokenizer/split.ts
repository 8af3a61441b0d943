/**
 * What becomes of a pattern's matches when a text is split by it.
 * @module
 */

/** A part of the text, and whether it is a delimiter. */
export interface Stretch {
  text: string
  matched: boolean
}

/**
 * Matches and what lies between them, in order and none empty; `inverted` swaps their parts. The
 * pattern is global and unicode.
 */
export function* stretches(text: string, pattern: RegExp, inverted: boolean): Generator<Stretch> {
  let done = 0
  let from = 0
  for (;;) {
    // Others use the pattern between two parts; `matchAll` would compile one of its own.
    pattern.lastIndex = from
    const match = pattern.exec(text)
    if (match === null) break
    if (match.index > done) yield { text: text.slice(done, match.index), matched: inverted }
    if (match[0] !== '') yield { text: match[0], matched: !inverted }
    done = match.index + match[0].length
    from = match[0] === '' ? done + ((text.codePointAt(done) ?? 0) > 0xffff ? 2 : 1) : done
  }
  if (done < text.length) yield { text: text.slice(done), matched: inverted }
}

type Behavior = (parts: Iterable<Stretch>) => Iterable<string>

function* isolated(parts: Iterable<Stretch>): Generator<string> {
  for (const { text } of parts) yield text
}

function* removed(parts: Iterable<Stretch>): Generator<string> {
  for (const { text, matched } of parts) if (!matched) yield text
}

/** Glues a stretch to the one before where `joins` says so. */
const glueing = (joins: (before: Stretch, part: Stretch) => boolean): Behavior =>
  function* glued(parts) {
    let word = ''
    let before: Stretch | undefined
    for (const part of parts) {
      if (before !== undefined && joins(before, part)) word += part.text
      else {
        if (word !== '') yield word
        word = part.text
      }
      before = part
    }
    if (word !== '') yield word
  }

/** By the file's name in lower case. */
export const behaviors: ReadonlyMap<string, Behavior> = new Map<string, Behavior>([
  ['isolated', isolated],
  ['removed', removed],
  ['mergedwithprevious', glueing((before, part) => part.matched && !before.matched)],
  ['mergedwithnext', glueing((before, part) => before.matched && !part.matched)],
  ['contiguous', glueing((before, part) => before.matched === part.matched)],
])
