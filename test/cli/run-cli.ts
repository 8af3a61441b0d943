import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { addon, root } from '../engine/needs.ts'

const entry = join(root, 'dist/cli.mjs')

/** A tiny model without a tokenizer. */
export const tinyModel = join(root, 'test/golden/moe-f32')

/** What the command needs to run at all. */
export const built = ['dist/cli.mjs', addon]

export const defaultModel = 'default-model/model.safetensors'

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
