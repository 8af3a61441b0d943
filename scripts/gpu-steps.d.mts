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
export function proveOnCard(parts: {
  root: string
  run: (
    name: string,
    command: string,
    args: string[],
    env: Record<string, string>,
  ) => { ok: boolean; stdout: string }
  has: (command: string) => boolean
  date: string
}): { report: string; failures: string[] }
