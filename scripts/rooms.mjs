// Imports run one way, and three things stay in their room.
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** What each room may use besides itself. */
const native = {
  core: [],
  io: ['core'],
  quant: ['core'],
  cache: ['core'],
  grammar: ['core', 'io'],
  ops: ['core', 'cache', 'cpu', 'cuda', 'grammar'],
  cuda: ['core', 'cache', 'ops', 'simt'],
  simt: ['core', 'cuda'],
  cpu: ['core', 'quant', 'cache', 'ops', 'grammar'],
  executor: ['core', 'io', 'quant', 'ops', 'cpu', 'cuda', 'cache', 'grammar'],
  addon: ['core', 'io', 'quant', 'ops', 'cpu', 'cuda', 'cache', 'executor', 'grammar'],
}
/** What running a model takes. */
const model = [
  'errors',
  'slices',
  'native',
  'files',
  'tokenizer',
  'graph',
  'sampling',
  'chat',
  'models',
]
const lib = {
  errors: [],
  slices: [],
  disk: ['errors'],
  native: ['errors'],
  tokenizer: ['errors', 'slices'],
  files: ['errors', 'slices', 'disk', 'native', 'tokenizer'],
  client: ['errors'],
  guard: ['errors', 'client'],
  compliance: ['errors', 'slices', 'disk', 'native', 'guard'],
  graph: ['errors', 'slices', 'native'],
  sampling: ['errors', 'native'],
  chat: ['errors', 'slices', 'native', 'tokenizer'],
  models: ['errors', 'slices', 'native', 'files', 'graph'],
  engine: [...model, 'guard'],
  index: [...model, 'engine'],
  server: ['errors', 'slices', 'guard', 'sampling', 'chat', 'engine'],
  'ai-sdk': ['errors', 'client', 'guard'],
  quantize: ['errors', 'slices', 'disk', 'native', 'files', 'graph', 'models'],
  eval: ['errors', 'engine'],
  cli: [
    ...model,
    ...['engine', 'index', 'guard', 'compliance', 'disk', 'quantize', 'eval', 'server', 'client'],
  ],
}
const roomOf = path => path.split('/')[1].replace(/\.ts$/, '')

/** The two headers through which kernels reach the machine, and their twins of the host. */
const hardware = ['native/cuda/device/hw.h', 'native/cuda/device/hopper.h']
const isHardware = file => hardware.includes(file) || file === 'native/simt/hw.h'

function nativeProblems(file, text) {
  const found = []
  const room = roomOf(file)
  for (const [, path] of text.matchAll(/^#include "([^"]+)"/gm)) {
    const target = path.split('/')[0]
    if (path.includes('/') && target !== room && !native[room]?.includes(target))
      found.push(`${file} includes ${path}`)
  }
  if (room !== 'addon' && /#include <(napi|node_api)/.test(text))
    found.push(`${file} includes Node's headers outside addon/`)
  if (room !== 'cuda' && /#include <cuda/.test(text))
    found.push(`${file} includes CUDA's headers outside cuda/`)
  if (room !== 'simt' && !hardware.includes(file) && /#include "simt\//.test(text))
    found.push(`${file} includes the host harness outside ${hardware.join(' and ')}`)
  if (!isHardware(file) && /\basm\b|__(sync|shfl|ballot|shared__|ldg|cvta|nv)/.test(text))
    found.push(
      `${file} has inline assembler or functions of CUDA outside ${hardware.join(' and ')}`,
    )
  if (
    !file.startsWith('native/cpu/simd/') &&
    /#include <(immintrin|arm_neon)|\b_mm\d*_/.test(text)
  ) {
    found.push(`${file} has intrinsics outside cpu/simd/`)
  }
  return found
}

function libProblems(file, text) {
  const found = []
  const room = roomOf(file)
  for (const [, path] of text.matchAll(/from '(\.[^']+)'/g)) {
    const target = roomOf(normalize(join(dirname(file), path)))
    if (target !== room && !lib[room]?.includes(target)) found.push(`${file} imports ${path}`)
  }
  if (file !== 'lib/native.ts' && /import\.meta|require\('bindings'\)/.test(text))
    found.push(`${file} looks for files or the addon itself`)
  if (file !== 'lib/errors.ts' && /throw new (Error|TypeError|RangeError)\(/.test(text))
    found.push(`${file} throws something else than a ConclaveError`)
  return found
}

/** Sentences about imports that go the wrong way. */
export function checkRooms(root, files) {
  const read = file => readFileSync(join(root, file), 'utf8')
  return [
    ...files
      .filter(f => /^native\/.*\.(h|cc|cu)$/.test(f))
      .flatMap(f => nativeProblems(f, read(f))),
    ...files.filter(f => /^lib\/.*\.ts$/.test(f)).flatMap(f => libProblems(f, read(f))),
  ]
}
