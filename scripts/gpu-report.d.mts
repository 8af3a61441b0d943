export interface CardFacts {
  name: string
  capability: string
  driver: string
  arch: string
}
export function parseCard(text: string): CardFacts
export function parseTotals(text: string): { passed: number; failed: number } | undefined
export function benchRow(given: {
  weights: string
  deterministic: boolean
  report: object
}): string[]
