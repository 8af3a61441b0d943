/**
 * What a command is, and how its flags are read and shown.
 * @module
 */
import { parseArgs } from 'node:util'

/** One flag; its name in kebab-case is the option's name in camelCase. */
export interface Flag {
  /** 'number', 'integer' and 'string' take a value; a list may be given more than once. */
  kind: 'string' | 'number' | 'integer' | 'bigint' | 'list' | 'boolean'
  /** How the value is called in the help. */
  value?: string
  help: string
  /** The value of the flag given bare, as in `--graph` beside `--graph=dot`. */
  bare?: string
}

export type Flags = Readonly<Record<string, Flag>>

/** Values by camelCase name; a flag that was not given is absent. */
export type Values = Record<string, string | number | bigint | boolean | string[]>

export interface Command {
  name: string
  summary: string
  /** Names of positional arguments. */
  positionals?: readonly string[]
  flags: Flags
  run(values: Values, positionals: string[]): Promise<void>
}

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const outputFlags = {
  json: { kind: 'boolean', help: 'print one JSON object on standard output' },
  help: { kind: 'boolean', help: 'show this help' },
} as const satisfies Flags

export function parseFlags(
  command: Command,
  args: readonly string[],
): { values: Values; positionals: string[] } {
  const { flags } = command
  const expanded = args.map(arg => {
    const bare = arg.startsWith('--') ? flags[arg.slice(2)]?.bare : undefined
    return bare === undefined ? arg : `${arg}=${bare}`
  })
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { kind }]) => [
      name,
      {
        type: kind === 'boolean' ? ('boolean' as const) : ('string' as const),
        multiple: kind === 'list',
      },
    ]),
  )
  try {
    const parsed = parseArgs({ args: expanded, options, allowPositionals: true })
    const most = command.positionals?.length ?? 0
    if (parsed.positionals.length > most)
      throw new UsageError(`Unexpected argument '${parsed.positionals[most]}'.`)
    const values: Values = Object.create(null)
    for (const [name, value] of Object.entries(parsed.values))
      values[camelCase(name)] = convert(name, flags[name]!, value as string | boolean | string[])
    return { values, positionals: parsed.positionals }
  } catch (error) {
    if (error instanceof UsageError) throw error
    // Only the first sentence: the rest explains what to escape.
    throw new UsageError(`${(error as Error).message.split('. ')[0]!.replace(/\.$/, '')}.`)
  }
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function convert(name: string, { kind }: Flag, value: string | boolean | string[]) {
  if (typeof value !== 'string' || kind === 'string' || kind === 'list') return value
  const isNumber = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)
  const isWhole = /^-?\d+$/.test(value)
  if (kind === 'number' ? !isNumber : !isWhole)
    throw new UsageError(
      `--${name} takes a ${kind === 'number' ? '' : 'whole '}number, not '${value}'.`,
    )
  return kind === 'bigint' ? BigInt(value) : Number(value)
}

export function commandHelp({ name, summary, positionals = [], flags }: Command): string {
  const left = (flag: string, { kind, value = kind.toUpperCase(), bare }: Flag) =>
    kind === 'boolean' ? `--${flag}` : bare ? `--${flag}[=${value}]` : `--${flag} ${value}`
  const rows = Object.entries(flags).map(([flag, f]) => [left(flag, f), f.help] as const)
  const width = Math.max(...rows.map(([text]) => text.length))
  const lines = rows.map(([text, help]) => `  ${text.padEnd(width)}  ${help}`)
  const args = positionals.map(p => ` ${p}`).join('')
  return `Usage: conclave ${name}${args} [flags]\n\n${summary}\n\n${lines.join('\n')}\n`
}
