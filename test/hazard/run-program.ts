import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** From the first line of output to the end. */
  msFromFirstLine: number
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  /** Flags of node. */
  flags?: readonly string[]
  timeoutMs?: number
}

/** Runs one of the programs here in a process of its own; one that hangs is killed. */
export function runProgram(
  name: string,
  args: readonly string[],
  { env = {}, flags = [], timeoutMs = 50_000 }: RunOptions = {},
): Promise<Ended> {
  const program = join(import.meta.dirname, 'programs', name)
  const child = spawn(process.execPath, [...flags, program, ...args], {
    env: { ...process.env, ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    cwd: join(import.meta.dirname, '../..'),
  })
  let [stdout, stderr] = ['', '']
  let first = 0
  child.stdout.setEncoding('utf8').on('data', text => {
    first ||= performance.now()
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return new Promise(resolve =>
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout, stderr, msFromFirstLine: performance.now() - first }),
    ),
  )
}

/** The line of JSON that a program which ends well prints. */
export async function report<Report>(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Report> {
  const { code, signal, stdout, stderr } = await runProgram(name, args, options)
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}:\n${stderr}`)
  return JSON.parse(stdout)
}
