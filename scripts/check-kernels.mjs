// npm run check:kernels [ARCH | FILE.cu …]: compiles every kernel, or those named, with nvcc, without a
// card, and fails where ptxas spills registers, keeps a stack frame or takes more registers than planned, or
// where the PTX lacks the wide loads and matrix instructions that were meant, or Hopper's machine code its
// own. Default: all cards that the build is for.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { meant, meantCode, planned } from './kernel-plan.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'native/cuda')
const isFile = name => name.endsWith('.cu')
const asked = process.argv.slice(2)
const archs = asked.some(name => !isFile(name))
  ? asked.filter(name => !isFile(name))
  : ['80', '86', '89', '90a']
const files = asked.some(isFile) ? asked.filter(isFile) : readdirSync(folder).filter(isFile)

const scratch = mkdtempSync(join(tmpdir(), 'kernels-'))
const problems = []

/** `error`: of a program that could not be started. */
async function run(command, args) {
  try {
    return { status: 0, ...(await promisify(execFile)(command, args, { maxBuffer: 1 << 28 })) }
  } catch (error) {
    if (typeof error.code === 'string') return { error }
    return { status: error.code, stdout: error.stdout, stderr: error.stderr }
  }
}

async function nvcc(file, arch, ...args) {
  const made = await run('nvcc', [
    '-std=c++20',
    `-arch=sm_${arch}`,
    '--extended-lambda',
    '--expt-relaxed-constexpr',
    `-I${join(root, 'native')}`,
    ...args,
    join(folder, file),
  ])
  if (made.error) throw new Error(`nvcc does not run: ${made.error.message}`)
  if (made.status !== 0) problems.push(`${file} sm_${arch} does not compile:\n${made.stderr}`)
  return made
}

const cubinOf = file => join(scratch, `${file}.cubin`)

/** For the first card the host's half too: launchers, and what nvcc compiles twice. */
async function checkCubin(file, arch) {
  const kind = arch === archs[0] && arch !== '90a' ? '-c' : '-cubin'
  const { status, stderr } = await nvcc(file, arch, kind, '-Xptxas=-v', '-o', cubinOf(file))
  if (status !== 0) return
  const numbers = pattern => [...stderr.matchAll(pattern)].map(found => Number(found[1]))
  const registers = Math.max(0, ...numbers(/Used (\d+) registers/g))
  const frames = Math.max(0, ...numbers(/(\d+) bytes stack frame/g))
  const spills = Math.max(0, ...numbers(/(\d+) bytes spill (?:stores|loads)/g))
  const most = planned[file] ?? 255
  console.log(`${file} sm_${arch}: ${registers} registers, ${frames} stack, ${spills} spilled`)
  if (frames > 0 || spills > 0) problems.push(`${file} sm_${arch} spills or keeps a stack frame`)
  if (registers > most) problems.push(`${file} sm_${arch}: ${registers} registers, ${most} planned`)
  for (const [warning] of stderr.matchAll(/^.*\bC75\d\d\b.*$/gm)) problems.push(warning)
}

function checkContains(file, text, wanted) {
  for (const [instruction, least] of Object.entries(wanted)) {
    const count = text.split(instruction).length - 1
    if (count < least) problems.push(`${file}: ${count} × ${instruction}, at least ${least} meant`)
  }
}

/** Each kernel holds what is meant for it, and each key is some kernel's. */
async function checkPtx(file) {
  const path = join(scratch, `${file}.ptx`)
  const arch = file in meantCode ? '90a' : archs[0]
  if (meant[file] === undefined) return
  if ((await nvcc(file, arch, '-ptx', '-o', path)).status !== 0) return
  const kernels = readFileSync(path, 'utf8')
    .split(/\.entry\s+/)
    .slice(1)
  const nameOf = text => text.slice(0, text.indexOf('('))
  for (const [key, wanted] of Object.entries(meant[file])) {
    const held = kernels.filter(text => nameOf(text).includes(key))
    if (held.length === 0) problems.push(`${file}: has no kernel ${key}`)
    for (const text of held) checkContains(`${file} ${key}`, text, wanted)
  }
  for (const name of kernels.map(nameOf)) {
    if (!Object.keys(meant[file]).some(key => name.includes(key)))
      problems.push(`${file}: nothing is said of what ${name} must hold`)
  }
}

/** Of the cubin that checkCubin left. */
async function checkCode(file) {
  const { error, stdout } = await run('nvdisasm', [cubinOf(file)])
  if (error) console.log(`${file}: machine code not looked at, nvdisasm is not installed`)
  else checkContains(file, stdout, meantCode[file])
}

async function checkNext() {
  for (let file = files.shift(); file !== undefined; file = files.shift()) {
    for (const arch of archs) {
      await checkCubin(file, arch)
      if (arch === '90a' && file in meantCode) await checkCode(file)
    }
    await checkPtx(file)
  }
}

try {
  await Promise.all(Array.from({ length: availableParallelism() }, checkNext))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
for (const problem of problems) console.log(problem)
console.log(problems.length === 0 ? 'kernels: fine' : `kernels: ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
