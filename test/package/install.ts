import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../engine/needs.ts'

export const consumers = join(import.meta.dirname, 'consumers')

export function run(
  folder: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  return spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
    env: { ...process.env, NODE_OPTIONS: '', NODE_PATH: '', ...env },
  })
}

function runOrThrow(folder: string, command: string, args: readonly string[]): string {
  const result = run(folder, command, args)
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}:\n${result.stdout}${result.stderr}`)
  return result.stdout
}

export interface Packed {
  tarball: string
  /** Bytes of the tarball. */
  size: number
  unpackedSize: number
  files: { path: string; size: number; mode: number }[]
}

/** `npm pack` of this project into a folder. */
export function pack(folder: string): Packed {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const listed: unknown = JSON.parse(runOrThrow(root, 'npm', args))
  // npm 12 lists packages by name, npm 11 in an array.
  const [packed] = Object.values(listed as Record<string, Packed & { filename: string }>)
  return { ...packed!, tarball: join(folder, packed!.filename) }
}

/** An empty project with the tarball installed, its scripts not run, and the consumers beside. */
export function install(folder: string, tarball: string): string {
  mkdirSync(folder, { recursive: true })
  const project = { name: 'consumer', private: true, type: 'module' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
  const args = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  runOrThrow(folder, 'npm', [...args, tarball])
  cpSync(consumers, folder, { recursive: true })
  return join(folder, 'node_modules/conclave')
}

/** Puts the addon of this project in place of one compiled in the installed package. */
export function reuseAddon(installed: string, addon: string): void {
  mkdirSync(dirname(join(installed, addon)), { recursive: true })
  cpSync(join(root, addon), join(installed, addon))
}

/** Bytes of all files under a folder. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}
