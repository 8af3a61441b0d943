// What this machine can do at most, measured now on all threads: bytes read and bf16 flops a second.
import { execFile } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { calmly, foreignCores } from './foreign.mjs'
import { cacheFolder, projectFolder } from './paths.mjs'

const exec = promisify(execFile)
const repeat = 3
let measured

/** { readBytesPerSecond, f32FlopsPerSecond, bf16FlopsPerSecond }, the best of three; empty where they cannot be measured. */
export async function ceilings() {
  measured ??= await measure()
  return measured
}

async function measure() {
  try {
    const program = await buildProgram()
    const runs = []
    for (let i = 0; i < repeat; i++) {
      runs.push((await calmly(() => runProgram(program))).value)
    }
    const best = key => Math.max(...runs.map(r => r[key]))
    return Object.fromEntries(Object.keys(runs[0]).map(key => [key, best(key)]))
  } catch (error) {
    console.error(
      `ceilings: not measured, fractions are left out (${error.message.split('\n')[0]})`,
    )
    return {}
  }
}

/** native_bench measures the ceilings before its ops; with a filter that matches none it measures nothing else. */
async function buildProgram() {
  const folder = join(cacheFolder, 'native')
  await exec('cmake', [
    '-S',
    projectFolder,
    '-B',
    folder,
    '-DCMAKE_BUILD_TYPE=Release',
    '-DCONCLAVE_TESTS=ON',
  ])
  await exec('cmake', ['--build', folder, '--target', 'native_bench', '-j', '2'])
  return join(folder, 'test/native/native_bench')
}

async function runProgram(program) {
  const { stdout } = await exec(program, [String(cpus().length), 'ceilings-only'])
  const found = /read ([\d.]+) GB\/s, f32 ([\d.]+) GFLOP\/s, bf16 ([\d.]+) GFLOP\/s/.exec(stdout)
  if (found === null) throw new Error('Expected a line of ceilings from native_bench')
  const [read, f32, bf16] = found.slice(1).map(Number)
  return {
    readBytesPerSecond: read * 1e9,
    f32FlopsPerSecond: f32 * 1e9,
    bf16FlopsPerSecond: bf16 * 1e9,
  }
}

/** Fraction of a ceiling as a part of a row; nothing where the ceiling is not known. */
export const fractionOf = (value, ceiling, name) =>
  ceiling > 0 ? { fraction: value / ceiling, of: name } : {}

export async function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    loadAverage: loadavg()[0],
    foreign: await foreignCores(),
    ...(await ceilings()),
  }
}
