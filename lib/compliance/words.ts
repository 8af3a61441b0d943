/**
 * A text as words that compare: lower case, without accents, one Han character a word.
 * @module
 */
import {
  ALNUM,
  classOf,
  foldOf,
  HAN,
  INVISIBLE,
  lowerOf,
  OTHER_LETTER,
} from '../guard/characters.ts'
import { atOnce, type Slices } from '../slices.ts'

/** A word and where it stands; offsets are UTF-16 units, `end` is exclusive. */
export interface Word {
  readonly key: string
  readonly start: number
  readonly end: number
}

const isCombining = (unit: number): boolean => unit >= 0x300 && unit <= 0x36f
const isWhole = (bits: number, unit: number): boolean =>
  (bits & HAN) !== 0 || (unit >= 0x3007 && unit <= 0x30ff)

/** Letters beyond ASCII without their accents. */
function plain(unit: number): string {
  return String.fromCharCode(unit)
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
}

const unitsAtATime = 4096

/** Cuts a text into words. Linear time. */
export const wordsOf = (text: string): Word[] => atOnce(wordSlices(text))

/** As {@link wordsOf}, for a text that may be long. */
export function* wordSlices(text: string): Slices<Word[]> {
  const words: Word[] = []
  let key = ''
  let start = 0
  let end = 0
  const flush = () => {
    if (key !== '') words.push({ key, start, end })
    key = ''
  }
  for (let i = 0; i < text.length; i++) {
    if (i % unitsAtATime === 0) yield
    const unit = text.charCodeAt(i)
    const bits = classOf(unit)
    if (bits & INVISIBLE || isCombining(unit)) continue
    if (bits & (ALNUM | OTHER_LETTER)) {
      if (key === '') start = i
      key += bits & OTHER_LETTER ? plain(unit) : String.fromCharCode(lowerOf(foldOf(unit)))
      end = i + 1
      continue
    }
    flush()
    if (isWhole(bits, unit)) words.push({ key: text[i]!, start: i, end: i + 1 })
  }
  flush()
  return words
}

/** Index of the first of `spans`, which rise and do not overlap, that ends behind `at`. */
export function firstEndingBehind(spans: readonly { readonly end: number }[], at: number): number {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[middle]!.end <= at) low = middle + 1
    else high = middle
  }
  return low
}
