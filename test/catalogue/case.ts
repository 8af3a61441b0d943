import type { Model } from '../../lib/index.ts'

/** One bad input of the catalogue: a row's id, what is tried, and what must come of it. */
export interface Case {
  /** Such as "ST-4". */
  row: string
  input: string
  /** Tries it; `model` is the one whose golden request must stay as it is. */
  run: (model: Model) => unknown
  /** 'ok', or the code of the error; several where the row allows several. */
  outcome: string | readonly string[]
}

/** Cases of one row that end alike. */
export const rows = (
  row: string,
  outcome: Case['outcome'],
  inputs: readonly (readonly [input: string, run: Case['run']])[],
): Case[] => inputs.map(([input, run]) => ({ row, input, run, outcome }))

/** Text for a title. */
export const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : inspect(value)
  const shown = text.length > 60 ? `${text.slice(0, 57)}… (${text.length})` : text
  return JSON.stringify(shown).slice(1, -1)
}

function inspect(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
