// Zero leak over the corpus: every split into two, and random splits into many. The whole size is
// CONCLAVE_LEAK_TEXTS=10000; every run does a part of it.
import { expect, test } from 'vitest'
import { filterOf } from '../../lib/guard/guard.ts'
import { corpus } from './corpus.ts'
import { reviewedTexts } from './corpus-reviewed.ts'
import { Dice } from './corpus-values.ts'

const count = Number(process.env.CONCLAVE_LEAK_TEXTS ?? 150)
const randomSplits = count >= 10_000 ? 100 : 20
const open = filterOf('default')

const oneShot = (text: string): string => {
  const filter = open()
  return filter.push(text) + filter.end()
}

/** Where what left is at some moment no beginning of the masked whole, or the sum another. */
function leaks(cuts: readonly number[], text: string, whole: string): boolean {
  const filter = open()
  let out = ''
  let from = 0
  for (const cut of [...cuts, text.length]) {
    out += filter.push(text.slice(from, cut))
    if (!whole.startsWith(out)) return true
    from = cut
  }
  return out + filter.end() !== whole
}

/** The fourth set is no larger. */
const few = Math.min(Math.ceil(count / 3), reviewedTexts.length)

test(`${count} texts and ${few} by hand, every split into two and ${randomSplits} into many`, () => {
  const dice = new Dice(5)
  const each = Math.ceil(count / 3)
  const halves = ['development', 'held-out', 'fresh', 'reviewed'] as const
  const leaking: string[] = []
  let splits = 0
  for (const half of halves)
    for (const { text } of corpus(half, half === 'reviewed' ? few : each)) {
      const whole = oneShot(text)
      for (let cut = 1; cut < text.length; cut++, splits++)
        if (leaks([cut], text, whole)) leaking.push(`${cut}: ${text}`)
      for (let i = 0; i < randomSplits; i++, splits++) {
        const cuts = Array.from({ length: 1 + dice.below(12) }, () => dice.below(text.length))
        if (
          leaks(
            cuts.toSorted((a, b) => a - b),
            text,
            whole,
          )
        )
          leaking.push(`${cuts}: ${text}`)
      }
    }
  console.log(`${splits} splits, ${leaking.length} leaks`)
  expect(leaking.slice(0, 5)).toEqual([])
}, 1_800_000)
