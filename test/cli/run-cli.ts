import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const entry = join(root, 'dist/cli.mjs')

/** A tiny model without a tokenizer. */
export const tinyModel = join(root, 'test/golden/moe-f32')

/** Why the command cannot be run here; undefined where it can. */
export const notBuilt = [entry, join(root, 'build/Release/conclave.node')].find(
  file => !existsSync(file),
)

export const noDefaultModel = existsSync(join(root, 'default-model/model.safetensors'))
  ? undefined
  : 'no default model'

export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface CliOptions {
  input?: string
  /** Leaves standard input open after `input`. */
  keepOpen?: boolean
  /** Called with all of stdout so far. */
  onStdout?: (stdout: string, child: ChildProcess) => void
}

/** Runs the built command. */
export function runCli(
  args: string[],
  { input = '', keepOpen = false, onStdout }: CliOptions = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [entry, ...args])
  const result = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => {
    result.stdout += text
    onStdout?.(result.stdout, child)
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    result.stderr += text
  })
  child.stdin.write(input)
  if (!keepOpen) child.stdin.end()
  return new Promise(resolve => child.on('close', code => resolve({ code, ...result })))
}
