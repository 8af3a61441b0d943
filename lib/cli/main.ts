/**
 * The `conclave` command. Exit codes: 0 fine, 1 a ConclaveError, 2 wrong usage, 130 Ctrl-C.
 * @module
 */
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { audit } from './audit.ts'
import { bench } from './bench.ts'
import { benchServe } from './bench-serve.ts'
import { chat } from './chat.ts'
import { type Command, commandHelp, parseFlags, UsageError } from './command.ts'
import { evalCommand } from './eval.ts'
import { generate } from './generate.ts'
import { inspect } from './inspect.ts'
import { interruptedExitCode } from './interrupt.ts'
import { quantize } from './quantize.ts'
import { serve } from './serve.ts'
import { version } from './version.ts'

const commands: readonly Command[] = [
  generate,
  chat,
  serve,
  inspect,
  bench,
  benchServe,
  quantize,
  evalCommand,
  audit,
]

function help(): string {
  const width = Math.max(...commands.map(c => c.name.length))
  const rows = commands.map(c => `  ${c.name.padEnd(width)}  ${c.summary}`)
  return (
    `Usage: conclave COMMAND [flags]\n\n${rows.join('\n')}\n\n` +
    'conclave COMMAND --help shows the flags of a command; --version the version.\n'
  )
}

async function run([name, ...args]: string[]): Promise<void> {
  if (name === '--help' || name === 'help') return void process.stdout.write(help())
  if (name === '--version') return console.log(version())
  // A command may have two words: `bench serve`.
  const long = commands.find(c => c.name === `${name} ${args[0]}`)
  const command = long ?? commands.find(c => c.name === name)
  if (command === undefined) {
    process.stderr.write(help())
    throw new UsageError(name === undefined ? 'Give a command.' : `There is no command '${name}'.`)
  }
  const { values, positionals } = parseFlags(command, long === undefined ? args : args.slice(1))
  if (values.help === true) return void process.stdout.write(commandHelp(command))
  await command.run(values, positionals)
}

/** Says what went wrong and gives the exit code. */
function report(error: unknown, args: readonly string[]): number {
  if (error instanceof UsageError) {
    console.error(`${error.message} See conclave${args[0] ? ` ${args[0]}` : ''} --help.`)
    return 2
  }
  const known = error instanceof ConclaveError
  const { code, message } = known
    ? error
    : {
        code: 'engine_failed',
        message: `This is a fault of Conclave: ${(error as Error)?.stack ?? error}`,
      }
  console.error(`error[${code}]: ${message}`)
  if (args.includes('--json')) console.log(JSON.stringify({ error: { code, message } }))
  return code === 'aborted' ? interruptedExitCode : 1
}

// A reader that went away, as in `conclave generate … | head`, is no fault.
process.stdout.on('error', error => {
  if (systemCode(error) === 'EPIPE') process.exit(0)
})

const args = process.argv.slice(2)
run(args).catch(error => {
  process.exitCode = report(error, args)
})
