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
