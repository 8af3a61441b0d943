/**
 * One message against every rule.
 * @module
 */
import { inSlices, type Slices } from '../slices.ts'
import { amountsOf } from './amounts.ts'
import { longestPhrase, type PhraseFound, PhraseIndex } from './phrases.ts'
import type { Condition, Lists, Regime, Rule, RuleBook, Source } from './rule-book.ts'
import { type NameFound, NameIndex } from './transliteration.ts'
import { firstEndingBehind, type Word, wordSlices } from './words.ts'

/** What a text is, for the rules. */
export interface Message {
  /** Id of the request that it belongs to. */
  requestId: string
  /** Whoever it concerns: a customer, an employee. Kept as a pseudonym alone. */
  subject: string
  text: string
  direction: 'input' | 'output'
  /** Default: now. */
  at?: Date
  /** Group of the sender, for information barriers. */
  group?: string
  /** Groups that the message goes to. */
  to?: string[]
}

/** A rule that holds; offsets are UTF-16 units of the text. */
export interface Hit {
  readonly rule: string
  readonly regime: Regime
  readonly score: number
  readonly start: number
  readonly end: number
  /** Ids of list entries that it names. */
  readonly entries: readonly string[]
  readonly deadlineDays: number
}

/** A sum that a window rule remembers. */
export interface Observation {
  readonly rule: string
  /** Under what it counts: a threshold's currency, `in` or `out`. */
  readonly kind: string
  readonly amount: number
}

/** Remembers sums of one subject. */
export interface Windows {
  /** Where it rejects, some may have been added. */
  add(observations: readonly Observation[]): Promise<void>
  /** How many of the last `hours`, those just added included, and their total. */
  since(rule: string, kind: string, hours: number): Promise<{ count: number; total: number }>
}

interface Read {
  readonly words: readonly Word[]
  /** By the key of their source; those of every issuer under `restricted`. */
  readonly places: ReadonlyMap<string, readonly Place[]>
  readonly sums: readonly Sum[]
  readonly message: Message
}
type Excused = (place: Pick<Place, 'first' | 'last'>) => boolean
interface Place {
  readonly first: number
  readonly last: number
  readonly start: number
  readonly end: number
  readonly entries: readonly string[]
}

/** Rules and lists, ready for texts. */
export class Evaluator {
  readonly #book: RuleBook
  readonly #lists: Lists
  readonly #phrases = new PhraseIndex()
  readonly #names = new Map<number, NameIndex>()

  constructor(book: RuleBook, lists: Lists) {
    this.#book = book
    this.#lists = lists
    for (const rule of book.rules) {
      for (const [key, source] of sourcesOf(rule)) {
        if ('phrases' in source) for (const one of source.phrases) this.#phrases.add(one, key)
      }
      if (rule.when.kind === 'sanctions') this.#addNames(rule.when.similarity)
    }
    for (const issuer of lists.restricted ?? []) {
      const names = [issuer.name, ...(issuer.aliases ?? []), ...(issuer.isins ?? [])]
      for (const name of names) this.#phrases.add(name, `restricted:${issuer.id}`)
      for (const ticker of issuer.tickers ?? [])
        this.#phrases.add(ticker, `ticker:${issuer.id}:${ticker}`)
    }
  }

  #addNames(similarity: number): void {
    const names = (this.#lists.sanctions ?? []).flatMap(entry =>
      entry.names.map(name => ({ id: entry.id, name })),
    )
    this.#names.set(similarity, new NameIndex(names, similarity))
  }

  /**
   * The rules that hold for `message`, each at one place. Linear in its length; others have their
   * turns meanwhile. The words of a long text take many times its memory.
   */
  async hits(message: Message, windows: Windows): Promise<Hit[]> {
    const words = await inSlices(wordSlices(message.text))
    const phrases = await inSlices(this.#phrases.find(words))
    const places = await inSlices(byKey(phrases, message.text))
    const sums = await inSlices(sumsOf(words, message.text))
    const read = { words, places, sums, message }
    const hits: Hit[] = []
    for (const rule of this.#book.rules) {
      const place = await this.#holds(rule, read, windows)
      if (place === undefined) continue
      const { start, end, entries } = place
      const { id, regime, score, deadlineDays } = rule
      hits.push({ rule: id, regime, score, start, end, entries, deadlineDays })
    }
    return hits
  }

  async #holds(rule: Rule, read: Read, windows: Windows): Promise<Place | undefined> {
    const { when } = rule
    const excused = excusedBy(rule, read)
    if (when.kind === 'near') {
      const places = when.sources.map((source, i) => placesOf(`${rule.id}/${i}`, source, read))
      return inSlices(nearest(places, when.within, excused))
    }
    if (when.kind === 'barrier') return this.#crosses(rule, when, read, excused)
    if (when.kind === 'sanctions') return this.#named(when.similarity, read, excused)
    return when.kind === 'structuring'
      ? this.#structured(rule, when, read, windows, excused)
      : this.#passes(rule, when, read, windows, excused)
  }

  async #crosses(
    rule: Rule,
    when: Condition & { kind: 'barrier' },
    read: Read,
    excused: Excused,
  ): Promise<Place | undefined> {
    const { group, to = [] } = read.message
    const crosses = (this.#lists.barriers ?? []).some(
      ([a, b]) => (group === a && to.includes(b)) || (group === b && to.includes(a)),
    )
    if (!crosses) return undefined
    const named = placesOf(`${rule.id}/0`, when.topics, read)
    return inSlices(firstOf(named, excused))
  }

  async #named(similarity: number, { words }: Read, excused: Excused): Promise<Place | undefined> {
    const all = await inSlices(this.#names.get(similarity)!.find(words))
    return inSlices(likest(all, excused))
  }

  async #structured(
    rule: Rule,
    when: Condition & { kind: 'structuring' },
    read: Read,
    windows: Windows,
    excused: Excused,
  ): Promise<Place | undefined> {
    const about = placesOf(`${rule.id}/0`, when.about, read)
    /** The last place of each currency. */
    const last = new Map<string, { amount: Place; threshold: number }>()
    const sums = await inSlices(
      seen(rule, read.sums, amount => {
        if (distance(about, amount) > when.within) return undefined
        const threshold = when.thresholds.find(
          one =>
            (amount.currency === '' || one.currency === amount.currency) &&
            amount.value < one.amount &&
            amount.value >= when.share * one.amount,
        )
        if (threshold === undefined) return undefined
        if (!excused(amount)) last.set(threshold.currency, { amount, threshold: threshold.amount })
        return threshold.currency
      }),
    )
    await windows.add(sums)
    let place: Place | undefined
    for (const [kind, { amount, threshold }] of last) {
      const { count, total } = await windows.since(rule.id, kind, when.hours)
      if (count < when.count || total <= threshold) continue
      if (place === undefined || amount.start > place.start) place = amount
    }
    return place
  }

  async #passes(
    rule: Rule,
    when: Condition & { kind: 'in_and_out' },
    read: Read,
    windows: Windows,
    excused: Excused,
  ): Promise<Place | undefined> {
    const arrives = placesOf(`${rule.id}/0`, when.arrives, read)
    const leaves = placesOf(`${rule.id}/1`, when.leaves, read)
    let place: Place | undefined
    const sums = await inSlices(
      seen(rule, read.sums, amount => {
        const [came, left] = [distance(arrives, amount), distance(leaves, amount)]
        if (amount.value < when.least || Math.min(came, left) > when.within) return undefined
        if (!excused(amount)) place = amount
        return came <= left ? 'in' : 'out'
      }),
    )
    await windows.add(sums)
    if (place === undefined) return undefined
    const { total: came } = await windows.since(rule.id, 'in', when.hours)
    const { total: left } = await windows.since(rule.id, 'out', when.hours)
    return came > 0 && left >= when.share * came && left <= came / when.share ? place : undefined
  }
}

/** Every source of phrases of a rule by the key under which it is found. */
function sourcesOf({ id, when, unless }: Rule): [string, Source][] {
  const sources: Source[] =
    when.kind === 'near'
      ? when.sources
      : when.kind === 'barrier'
        ? [when.topics]
        : when.kind === 'structuring'
          ? [when.about]
          : when.kind === 'in_and_out'
            ? [when.arrives, when.leaves]
            : []
  const keyed = sources.map((source, i): [string, Source] => [`${id}/${i}`, source])
  if (unless !== undefined) keyed.push([`${id}/unless`, { phrases: unless.phrases }])
  return keyed
}

/** Whether a place stands near a phrase that makes it none. */
function excusedBy({ id, unless }: Rule, { places }: Read): Excused {
  const sorted = places.get(`${id}/unless`)
  if (unless === undefined || sorted === undefined) return () => false
  return ({ first, last }) => {
    // One that starts further back than the longest phrase ends before.
    const from = firstFrom(sorted, first - unless.within - longestPhrase)
    for (let i = from; i < sorted.length && sorted[i]!.first <= last + unless.within; i++)
      if (sorted[i]!.last >= first - unless.within) return true
    return false
  }
}

const placesAtATime = 256
const noEntries: readonly string[] = []

/** What was found by what it was found for, in the order of the text. */
function* byKey(
  phrases: readonly PhraseFound[],
  text: string,
): Slices<Map<string, readonly Place[]>> {
  const places = new Map<string, Place[]>()
  const add = (key: string, place: Place) => {
    const list = places.get(key)
    if (list === undefined) places.set(key, [place])
    else list.push(place)
  }
  let seen = 0
  for (const { id, first, last, start, end } of phrases) {
    if (seen++ % placesAtATime === 0) yield
    const place = { first, last, start, end, entries: noEntries }
    const [kind, entry, ticker] = id.split(':')
    if (kind === 'restricted') add(kind, { ...place, entries: [id] })
    else if (kind !== 'ticker') add(id, place)
    // A ticker is a word of capitals: `CAT` is one, `cat` is none.
    else if (text.slice(start, end) === ticker)
      add('restricted', { ...place, entries: [`restricted:${entry}`] })
  }
  return places
}

const placesOf = (key: string, source: Source, { places }: Read): readonly Place[] =>
  places.get('phrases' in source ? key : 'restricted') ?? []

/** The first that is not excused. */
function* firstOf(places: readonly Place[], excused: Excused): Slices<Place | undefined> {
  for (let i = 0; i < places.length; i++) {
    if (i % placesAtATime === 0) yield
    if (!excused(places[i]!)) return places[i]
  }
  return undefined
}

/** The most alike of those that are not excused; its entries are those of all. */
function* likest(names: readonly NameFound[], excused: Excused): Slices<Place | undefined> {
  const entries = new Set<string>()
  let best: NameFound | undefined
  for (let i = 0; i < names.length; i++) {
    if (i % placesAtATime === 0) yield
    const one = names[i]!
    if (excused(one)) continue
    entries.add(`sanctions:${one.id}`)
    if (best === undefined || one.similarity > best.similarity) best = one
  }
  return best && { ...best, entries: [...entries] }
}

const stretchLength = 32_768
/** More sums that a rule looks for in one stretch are a table, not a conversation. */
const mostSums = 100

/** The sums that `kindOf` gives a kind, as windows remember them. */
function* seen(
  { id: rule }: Rule,
  sums: readonly Sum[],
  kindOf: (sum: Sum) => string | undefined,
): Slices<Observation[]> {
  const kept: Observation[] = []
  let stretch = 0
  let count = 0
  for (let i = 0; i < sums.length; i++) {
    if (i % placesAtATime === 0) yield
    const { start, value: amount } = sums[i]!
    const kind = kindOf(sums[i]!)
    if (kind === undefined) continue
    if (start >= stretch + stretchLength) [stretch, count] = [start - (start % stretchLength), 0]
    if (count++ < mostSums) kept.push({ rule, kind, amount })
  }
  return kept
}

/** The first places that lie together and are not excused; the lists are in the text's order. */
function* nearest(
  lists: readonly (readonly Place[])[],
  within: number,
  excused: Excused,
): Slices<Place | undefined> {
  if (lists.some(list => list.length === 0)) return undefined
  const at = lists.map(() => 0)
  for (let steps = 0; ; steps++) {
    if (steps % placesAtATime === 0) yield
    const places = at.map((index, i) => lists[i]![index]!)
    const first = Math.min(...places.map(place => place.first))
    const last = Math.max(...places.map(place => place.first))
    if (last - first <= within) {
      const place = {
        first,
        last: Math.max(...places.map(one => one.last)),
        start: Math.min(...places.map(one => one.start)),
        end: Math.max(...places.map(one => one.end)),
        entries: [...new Set(places.flatMap(one => one.entries))],
      }
      if (!excused(place)) return place
    }
    const behind = places.findIndex(place => place.first === first)
    if (++at[behind]! >= lists[behind]!.length) return undefined
  }
}

type Sum = Place & { value: number; currency: string }

/** Sums of money and the words that they are. */
function* sumsOf(words: readonly Word[], text: string): Slices<Sum[]> {
  const sums: Sum[] = []
  for (const amount of yield* amountsOf(text)) {
    if (sums.length % placesAtATime === 0) yield
    sums.push({ ...amount, ...placeOf(words, amount.start, amount.end, noEntries) })
  }
  return sums
}

/** Where in `sorted` the places begin that start at the word `first` or behind it. */
function firstFrom(sorted: readonly { first: number }[], first: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.first < first) low = middle + 1
    else high = middle
  }
  return low
}

/** Words between a place and the nearest of `sorted`. */
function distance(sorted: readonly Place[], to: Place): number {
  const at = firstFrom(sorted, to.first)
  const [before, behind] = [sorted[at - 1], sorted[at]]
  return Math.min(
    before === undefined ? Number.POSITIVE_INFINITY : to.first - before.first,
    behind === undefined ? Number.POSITIVE_INFINITY : behind.first - to.first,
  )
}

/** The words that a stretch of text covers. */
function placeOf(
  words: readonly Word[],
  start: number,
  end: number,
  entries: readonly string[],
): Place {
  const first = firstEndingBehind(words, start)
  let last = first
  while (last + 1 < words.length && words[last + 1]!.start < end) last++
  return { first, last, start, end, entries }
}
