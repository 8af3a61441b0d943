/**
 * Names that are the same in another spelling: Мухаммад, Muhammad, Mohammed.
 * @module
 */
import type { Slices } from '../slices.ts'
import { type Word, wordsOf } from './words.ts'

const cyrillic = new Map(
  (
    'а a б b в v г g д d е e ё e ж j з z и i й i к k л l м m н n о o п p р r с s т t у u ф f ' +
    'х h ц ts ч ch ш sh щ sh ъ _ ы i ь _ э e ю iu я ia і i ї i є e ґ g'
  )
    .split(' ')
    .reduce<[string, string][]>((pairs, part, i, all) => {
      if (i % 2 === 0) pairs.push([part, all[i + 1] === '_' ? '' : all[i + 1]!])
      return pairs
    }, []),
)

/** Spellings of one sound, longest first; each is applied once over the word. */
const sounds: readonly (readonly [RegExp, string])[] = [
  [/shch|sch/g, 'sh'],
  [/dzh|zh|dj/g, 'j'],
  [/ph/g, 'f'],
  [/kh/g, 'h'],
  [/([gdt])h/g, '$1'],
  [/ck|q/g, 'k'],
  [/x/g, 'ks'],
  [/tz|tc/g, 'ts'],
  [/ou|oo/g, 'u'],
  [/yu|iu/g, 'u'],
  [/ya|ia/g, 'a'],
  [/ye|ie|ee|ei|ey|ai|ay|iy|ii|yi/g, 'i'],
  [/y|j(?=[aeiou]?$)/g, 'i'],
  [/w/g, 'v'],
  [/c(?!h)/g, 'k'],
  [/g/g, 'k'],
  [/e/g, 'i'],
  [/o/g, 'u'],
  [/(.)\1+/g, '$1'],
  [/(?<=.)h$/, ''],
]

/** How a word of a name sounds, in few letters. */
function soundOf(word: string): string {
  let sound = ''
  for (const unit of word) sound += cyrillic.get(unit) ?? unit
  for (const [spelling, letters] of sounds) sound = sound.replace(spelling, letters)
  return sound
}

/** The consonants of a sound, and its first letter. */
const frame = (sound: string): string => sound.slice(0, 1) + sound.slice(1).replace(/[aiu]/g, '')

/** 1 − edit distance over the longer length. Words of names are short. */
export function similarity(a: string, b: string): number {
  if (a === b) return 1
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let k = 1; k <= b.length; k++)
      next[k] = Math.min(
        next[k - 1]! + 1,
        row[k]! + 1,
        row[k - 1]! + (a[i - 1] === b[k - 1] ? 0 : 1),
      )
    row = next
  }
  return 1 - row[b.length]! / Math.max(a.length, b.length)
}

/** Parts that come and go between spellings of a name. */
const particles = new Set(
  'al el ul bin ben ibn bint abu abd de del der van von the co ltd llc inc'.split(' '),
)
const longestName = 32
const wordsAtATime = 256
const mostNameWords = 12
/** Words between the first and the last of a name in a text, beyond its own. */
const slack = 2

interface ListedName {
  readonly id: string
  readonly sounds: readonly string[]
}

/** A listed person that a text names. */
export interface NameFound {
  readonly id: string
  readonly similarity: number
  /** Words. */
  readonly first: number
  readonly last: number
  readonly start: number
  readonly end: number
}

/** A list of names, found in any spelling and order of their words. */
export class NameIndex {
  readonly #byFrame = new Map<string, ListedName[]>()
  readonly #least: number

  /** `least`: how alike each word must be, 0 … 1. */
  constructor(names: readonly { id: string; name: string }[], least: number) {
    this.#least = least
    const listed = names.map(({ id, name }) => ({ id, sounds: nameSounds(name) }))
    const counts = new Map<string, number>()
    for (const { sounds: all } of listed)
      for (const sound of all) counts.set(frame(sound), (counts.get(frame(sound)) ?? 0) + 1)
    for (const one of listed) {
      // Under its rarest word, so that a text with many Mohammeds stays cheap.
      const keys = one.sounds.map(frame)
      const key = keys.sort((a, b) => counts.get(a)! - counts.get(b)!)[0]
      if (key !== undefined) this.#byFrame.set(key, [...(this.#byFrame.get(key) ?? []), one])
    }
  }

  /** Every listed name in `words`, once for each place. */
  *find(words: readonly Word[]): Slices<NameFound[]> {
    const heard: string[] = []
    for (const { key } of words) {
      if (heard.length % wordsAtATime === 0) yield
      heard.push(key.length > longestName ? '' : soundOf(key))
    }
    const found: NameFound[] = []
    let steps = 0
    for (let at = 0; at < words.length; at++) {
      if (steps++ % wordsAtATime === 0) yield
      if (heard[at] === '') continue
      for (const name of this.#byFrame.get(frame(heard[at]!)) ?? []) {
        if (steps++ % wordsAtATime === 0) yield
        const one = this.#around(name, words, heard, at)
        if (one !== undefined) found.push(one)
      }
    }
    return found
  }

  #around(
    name: ListedName,
    words: readonly Word[],
    heard: readonly string[],
    at: number,
  ): NameFound | undefined {
    const span = name.sounds.length + slack
    const from = Math.max(0, at - span)
    const used = new Set<number>()
    let total = 0
    for (const sound of name.sounds) {
      let best = -1
      let likeness = 0
      for (let i = from; i <= Math.min(words.length - 1, at + span); i++) {
        if (used.has(i) || heard[i] === '') continue
        const alike = alikeness(sound, heard[i]!)
        if (alike > likeness) [best, likeness] = [i, alike]
      }
      if (likeness < this.#least) return undefined
      used.add(best)
      total += likeness
    }
    const [first, last] = [Math.min(...used), Math.max(...used)]
    if (last - first > span) return undefined
    return {
      id: name.id,
      similarity: total / name.sounds.length,
      first,
      last,
      start: words[first]!.start,
      end: words[last]!.end,
    }
  }
}

/** Initials and one Han character are alike only where they are the same. */
function alikeness(a: string, b: string): number {
  if (a === b) return 1
  if (a.length < 3 || b.length < 3 || Math.abs(a.length - b.length) > 2) return 0
  return frame(a) === frame(b) ? similarity(a, b) : 0
}

function nameSounds(name: string): string[] {
  const words = wordsOf(name).slice(0, mostNameWords)
  const kept = words.filter(word => !particles.has(word.key))
  return (kept.length > 0 ? kept : words).map(word => soundOf(word.key)).filter(s => s !== '')
}
