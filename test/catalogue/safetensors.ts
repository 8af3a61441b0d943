/** ST: weight files, opened as a load opens them. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fromNative } from '../../lib/errors.ts'
import { readTensors } from '../../lib/files/weight-files.ts'
import { loadModel } from '../../lib/index.ts'
import { native } from '../../lib/native.ts'
import { root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { type Case, rows, short } from './case.ts'

const golden = join(root, 'test/golden/moe-f32')

function length(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** A file with this header, as text or bytes. */
function file(header: string | Buffer, data: Buffer | number = 8): Buffer {
  const text = Buffer.from(header as string)
  const body = typeof data === 'number' ? Buffer.alloc(data) : data
  return Buffer.concat([length(BigInt(text.length)), text, body])
}

const tensor = (dtype: unknown, shape: unknown, offsets: unknown) =>
  JSON.stringify({ a: { dtype, shape, data_offsets: offsets } })

/** Opens bytes as a weight file and reads every tensor. */
async function open(bytes: Buffer): Promise<number> {
  const path = join(makeFolder({ 'model.safetensors': bytes }), 'model.safetensors')
  try {
    const store = await native().openWeights([path])
    try {
      const tensors = await readTensors(store)
      for (const { name, dtype } of tensors.slice(0, 10)) if (/^f|^bf/.test(dtype)) store.read(name)
      return tensors.length
    } finally {
      store.close()
    }
  } catch (error) {
    throw fromNative(error)
  }
}

const opened = (input: string, bytes: () => Buffer) => [input, () => open(bytes())] as const
const header = (text: string, data: Buffer | number = 8) =>
  opened(short(text), () => file(text, data))

const one = tensor('F32', [2], [0, 8])
const two = (b: object, a: object = { dtype: 'F32', shape: [1], data_offsets: [0, 4] }) =>
  JSON.stringify({ a, b: { dtype: 'F32', shape: [1], ...b } })
const named = (name: string) => `{${name}:{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
const deep = (depth: number) =>
  `{"__metadata__":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)},${one.slice(1)}`

const refused: Case[] = [
  ...rows(
    'ST-1',
    'invalid_file',
    [0, 1, 2, 3, 4, 5, 6, 7].map(n => opened(`${n} bytes`, () => Buffer.alloc(n))),
  ),
  ...rows(
    'ST-1',
    'invalid_file',
    [0n, 1n, 9n, 100_000_001n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n].map(n =>
      opened(`header length ${n}`, () => Buffer.concat([length(n), Buffer.from('{}      ')])),
    ),
  ),
  ...rows('ST-2', 'invalid_file', [
    ...[
      '[]',
      ' {}',
      '"x"',
      'null',
      '\ufeff{}',
      `${one}x`,
      `${one}\0`,
      one.slice(0, -2),
      '{',
      '{"a"',
    ].map(text => header(text)),
    opened('not UTF-8', () => file(Buffer.from('7b22ff223a317d', 'hex'))),
    header(deep(9)),
    header(deep(10_000)),
  ]),
  ...rows('ST-3', 'invalid_file', [
    header(`{${one.slice(1, -1)},${one.slice(1)}`),
    header(`{"__metadata__":{"a":1},${one.slice(1)}`),
    header(`{"__metadata__":{"a":null},${one.slice(1)}`),
    header(`{"__metadata__":[],${one.slice(1)}`),
    header(`{"__metadata__":{},"__metadata__":{},${one.slice(1)}`),
  ]),
  ...rows('ST-4', 'invalid_file', [
    ...['F99', '', 'f32', 7, null, ['F32']].map(dtype => header(tensor(dtype, [2], [0, 8]))),
    header(tensor('F32', [2], [0, 7]), 7),
    header(tensor('F32', [2], [0, 9]), 9),
    header(tensor('F32', [3], [0, 8])),
    header('{"a":{"shape":[2],"data_offsets":[0,8]}}'),
    header('{"a":{"dtype":"F32","data_offsets":[0,8]}}'),
    header('{"a":{"dtype":"F32","shape":[2]}}'),
    header('{"a":[]}'),
  ]),
  ...rows('ST-5', 'invalid_file', [
    header(tensor('F32', [4194305, 4194305, 211106198978564], [0, 16]), 16),
    header('{"a":{"dtype":"F32","shape":[1e309],"data_offsets":[0,8]}}'),
    ...[[-1], [1.5], [2 ** 53 + 2], ['3'], [null], [[2]], 2, 'x', [1, 1, 1, 1, 1, 1, 1, 1, 2]].map(
      shape => header(tensor('F32', shape, [0, 8])),
    ),
  ]),
  ...rows('ST-6', 'invalid_file', [
    header(tensor('F32', [2], [8, 0])),
    header(tensor('F32', [2], [0, 16])),
    header(tensor('F32', [2], [8, 16])),
    header(tensor('F32', [2], [-8, 0])),
    header(tensor('F32', [2], [0, 8, 8])),
    header(tensor('F32', [2], [0])),
    header(tensor('F32', [2], ['0', '8'])),
    header(tensor('F32', [2], [2 ** 63, 2 ** 63 + 8])),
    header(two({ data_offsets: [2, 6] })),
    header(two({ data_offsets: [6, 10] }), 10),
    header(two({ data_offsets: [4, 8] }), 9),
    header(two({ data_offsets: [0, 4] }), 4),
  ]),
]

const kept: Case[] = rows('ST-5', 'ok', [header(tensor('F32', [], [0, 4]), 4)]).concat(
  rows('ST-7', 'ok', [
    header(tensor('F32', [0], [0, 0]), 0),
    header(tensor('F32', [3, 0, 5], [0, 0]), 0),
    header(two({ shape: [0], data_offsets: [4, 4] }), 4),
    header(two({ shape: [0], data_offsets: [0, 0] }), 4),
  ]),
  rows('ST-8', 'ok', [
    header(two({ data_offsets: [1, 5] }, { dtype: 'U8', shape: [1], data_offsets: [0, 1] }), 5),
    header(
      JSON.stringify({
        a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
        b: { dtype: 'BF16', shape: [2], data_offsets: [1, 5] },
      }),
      5,
    ),
  ]),
  rows(
    'ST-9',
    'ok',
    ['"__proto__"', '"constructor"', '"a\\u0000b"', '"a\\nb"', '"🙂"', '"toString"'].map(name =>
      header(named(name)),
    ),
  ),
  rows('ST-9', 'invalid_file', [
    header(named(`"${'x'.repeat(1 << 20)}"`)),
    header(named('"\\ud800"')),
  ]),
)

/** Opens a file of eight bytes, changes it, reads it. */
const changed = (change: (path: string) => void) => async () => {
  const path = join(makeFolder({ 'model.safetensors': file(one) }), 'model.safetensors')
  const store = await native().openWeights([path])
  try {
    change(path)
    await store.rows(weight, { first: 0, count: 1, group: 2 }, 'f32')
  } catch (error) {
    throw fromNative(error)
  } finally {
    store.close()
  }
}
const weight = JSON.stringify({
  ...{ tensor: 'a', kind: 'matrix', rows: 1, cols: 2, offset: 0, rowStride: 2, colStride: 1 },
})

/** Loads a copy of the golden model whose weights were changed. */
const load =
  (change: (path: string, folder: string) => unknown, options: object = {}) =>
  async () => {
    const names = ['config.json', 'model.safetensors']
    const folder = makeFolder(
      Object.fromEntries(names.map(name => [name, readFileSync(join(golden, name))])),
    )
    await change(join(folder, 'model.safetensors'), folder)
    await using model = await loadModel(folder, options)
    return (await model.generate([1, 2, 3], { maxTokens: 3, ignoreEos: true }).result()).tokenIds
  }
const inPlaceOf = (make: (path: string) => unknown) =>
  load(path => {
    execFileSync('rm', [path])
    return make(path)
  })

function setValue(name: string, value: number) {
  return (path: string) => {
    const bytes = readFileSync(path)
    const headerBytes = Number(bytes.readBigUInt64LE())
    const declared = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))
    bytes.writeFloatLE(value, 8 + headerBytes + declared[name].data_offsets[0])
    writeFileSync(path, bytes)
  }
}

const listen = (path: string) =>
  execFileSync('python3', [
    '-c',
    'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
    path,
  ])

const files: Case[] = [
  ...rows('ST-11', 'file_changed', [
    ['truncated', changed(path => truncateSync(path, 10))],
    ['emptied', changed(path => truncateSync(path, 0))],
    ['appended', changed(path => appendFileSync(path, 'x'))],
    [
      'replaced',
      changed(path => {
        writeFileSync(`${path}.new`, file(one))
        renameSync(`${path}.new`, path)
      }),
    ],
    ['removed', changed(path => execFileSync('rm', [path]))],
  ]),
  ...rows(
    'ST-12',
    ['invalid_file', 'io_error', 'path_forbidden'],
    [
      ['a pipe', inPlaceOf(path => execFileSync('mkfifo', [path]))],
      ['a folder', inPlaceOf(path => mkdirSync(path))],
      ['a device', inPlaceOf(path => symlinkSync('/dev/zero', path))],
      ['a link to itself', inPlaceOf(path => symlinkSync('model.safetensors', path))],
      ['a link to a folder', inPlaceOf(path => symlinkSync('.', path))],
      ['a link out of the folder', inPlaceOf(path => symlinkSync('/etc/hostname', path))],
    ],
  ),
  ...rows('ST-12', 'missing_shard', [
    ['a dangling link', inPlaceOf(path => symlinkSync('nowhere', path))],
  ]),
  ...rows('ST-12', 'invalid_file', [['a socket', inPlaceOf(path => listen(path))]]),
  ...rows(
    'ST-13',
    'numerical_error',
    [Number.NaN, Number.POSITIVE_INFINITY].flatMap(value => [
      [`${value} in the head`, load(setValue('lm_head.weight', value))] as const,
      [
        `${value}, looked for`,
        load(setValue('lm_head.weight', value), { validate: true }),
      ] as const,
    ]),
  ),
  ...rows('ST-13', 'ok', [
    ['a denormal', load(setValue('lm_head.weight', 1e-42))],
    ['a denormal, looked for', load(setValue('lm_head.weight', 1e-42), { validate: true })],
  ]),
]

export const safetensorsCases: Case[] = [...refused, ...kept, ...files]
