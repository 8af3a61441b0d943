// Texts with the places of what is in them, and how much of it a guard finds.
import type { Guard } from '../../lib/guard/index.ts'
import { type Half, templates } from './corpus-templates.ts'
import { categoryOf, Dice, values } from './corpus-values.ts'

export interface Label {
  category: string
  start: number
  end: number
}

export interface LabelledText {
  text: string
  labels: Label[]
}

const seeds = { development: 7, 'held-out': 1009, fresh: 77_003, reviewed: 5 }

/** `count` texts of one half; the same every time. */
export function corpus(half: Half, count: number): LabelledText[] {
  const dice = new Dice(seeds[half])
  const list = templates.get(half)!
  return Array.from({ length: count }, (_, i) => fill(list[i % list.length]!, dice))
}

function fill(template: string, dice: Dice): LabelledText {
  const labels: Label[] = []
  let text = ''
  let at = 0
  // {category}: a value of it; [[category|value]]: this one.
  for (const slot of template.matchAll(/\{([a-z_0-9]+)\}|\[\[([a-z_]+)\|([\s\S]*?)\]\]/g)) {
    text += template.slice(at, slot.index)
    at = slot.index + slot[0].length
    const value = slot[3] ?? values.get(slot[1]!)!(dice)
    const category = slot[2] ?? categoryOf(slot[1]!)
    if (category !== undefined)
      labels.push({ category, start: text.length, end: text.length + value.length })
    text += value
  }
  return { text: text + template.slice(at), labels }
}

export interface Score {
  labels: number
  found: number
  matches: number
  right: number
}

/** Names and addresses have no sharp edges: most of one counts. */
const leastShare = (category: string): number =>
  category === 'person_name' || category === 'address' ? 0.8 : 1

const shared = (a: Label, b: Label): number =>
  Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start))

/** Per category: labels that a match of the category covers, matches that touch such a label. */
export function measure(guard: Guard, texts: readonly LabelledText[]) {
  const scores = new Map<string, Score>()
  const missed: string[] = []
  const wrong: string[] = []
  const scoreOf = (category: string): Score => {
    const score = scores.get(category) ?? { labels: 0, found: 0, matches: 0, right: 0 }
    scores.set(category, score)
    return score
  }
  for (const { text, labels } of texts) {
    const { matches } = guard.scan(text)
    for (const label of labels) {
      const score = scoreOf(label.category)
      const covered = matches
        .filter(match => match.category === label.category)
        .reduce((sum, match) => sum + shared(match, label), 0)
      score.labels++
      if (covered >= leastShare(label.category) * (label.end - label.start)) score.found++
      else missed.push(`${label.category}: ${text.slice(label.start, label.end)} in ${text}`)
    }
    for (const match of matches) {
      const score = scoreOf(match.category)
      score.matches++
      const right = labels.some(
        label =>
          label.category === match.category && shared(match, label) * 2 >= match.end - match.start,
      )
      if (right) score.right++
      else wrong.push(`${match.category}: ${text.slice(match.start, match.end)} in ${text}`)
    }
  }
  return { scores, missed, wrong }
}
