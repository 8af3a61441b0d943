import { symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openFolder } from '../../lib/files/read-file.ts'
import {
  checkWeightIndex,
  findWeightFiles,
  maxWeightFiles,
  parseWeightIndex,
} from '../../lib/files/weight-files.ts'
import { atOnce } from '../../lib/slices.ts'
import { makeFolder, thrown, tinyWeights } from './folder.ts'

const index = (weight_map: unknown, metadata: unknown = {}) => ({ metadata, weight_map })
const find = async (files: Record<string, unknown>) =>
  findWeightFiles(await openFolder(makeFolder(files)))
const indexName = 'model.safetensors.index.json'
const w = tinyWeights()

describe('which files', () => {
  test.each<[string, Record<string, unknown>, string[]]>([
    ['one file', { 'model.safetensors': w }, ['model.safetensors']],
    [
      'one file before an index',
      { 'model.safetensors': w, [indexName]: index({ a: 'x.safetensors' }) },
      ['model.safetensors'],
    ],
    [
      'index order',
      {
        [indexName]: index({ a: '2.safetensors', b: '1.safetensors', c: '2.safetensors' }),
        '1.safetensors': w,
        '2.safetensors': w,
      },
      ['2.safetensors', '1.safetensors'],
    ],
    ['one file of another name', { 'weights.safetensors': w }, ['weights.safetensors']],
    [
      'a numbered set',
      { 'm-00001-of-00002.safetensors': w, 'm-00002-of-00002.safetensors': w },
      ['m-00001-of-00002.safetensors', 'm-00002-of-00002.safetensors'],
    ],
  ])('%s', async (_, files, want) => {
    expect((await find(files)).weightFiles.map(file => basename(file))).toEqual(want)
  })

  test.each<[string, Record<string, unknown>, string, string]>([
    [
      'several without an index',
      { 'a.safetensors': w, 'b.safetensors': w },
      'invalid_file',
      indexName,
    ],
    [
      'a numbered set with a gap',
      { 'm-00001-of-00002.safetensors': w },
      'missing_shard',
      'm-00002-of-00002',
    ],
    ['a numbered set of 99,999', { 'm-00001-of-99999.safetensors': w }, 'invalid_file', '99999'],
    [
      'a missing shard',
      { [indexName]: index({ a: '1.safetensors', b: '2.safetensors' }), '1.safetensors': w },
      'missing_shard',
      '2.safetensors',
    ],
    [
      'an index of pickle files',
      { [indexName]: index({ a: 'x.bin' }) },
      'unsupported_format',
      'x.bin',
    ],
    ['an index cut', { [indexName]: '{"weight_map": {' }, 'invalid_file', indexName],
    ['only gguf', { 'x.gguf': 'GGUF' }, 'unsupported_format', 'x.gguf'],
    ['nothing', {}, 'io_error', 'model.safetensors'],
  ])('%s', async (_, files, code, part) => {
    const error = await thrown(() => find(files))
    expect([error.code, error.message.includes(part)]).toEqual([code, true])
  })

  test('100 missing shards are counted and ten are named', async () => {
    const map = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`t${i}`, `s${i}.safetensors`]),
    )
    const { code, message } = await thrown(() => find({ [indexName]: index(map) }))
    expect(code).toBe('missing_shard')
    expect(message.match(/s\d+\.safetensors/g)?.length).toBe(10)
    expect(message).toContain('90 more')
  })

  test('a shard that links out of the folder', async () => {
    const path = makeFolder({ [indexName]: index({ a: '1.safetensors' }) })
    symlinkSync(join(makeFolder({ x: w }), 'x'), join(path, '1.safetensors'))
    const error = await thrown(async () => findWeightFiles(await openFolder(path)))
    expect(error.code).toBe('path_forbidden')
  })
})

const read = (raw: unknown) => atOnce(parseWeightIndex(raw))

describe('names in an index', () => {
  test.each([
    '../x.safetensors',
    '/etc/x.safetensors',
    'a/../../x.safetensors',
    'sub/x.safetensors',
    './x.safetensors',
    'x\0.safetensors',
    'a\\x.safetensors',
    '..\\x.safetensors',
    'C:\\x.safetensors',
    'C:x.safetensors',
    '\\\\host\\share\\x.safetensors',
    'https://host/x.safetensors',
    'file:x.safetensors',
    '.',
    '..',
  ])('%j is path_forbidden', async file => {
    expect((await thrown(() => read(index({ a: file })))).code).toBe('path_forbidden')
  })

  test('a size of 0 is a size that was not counted', () => {
    const { totalSize } = read(index({ a: 'x.safetensors' }, { total_size: 0 }))
    expect(totalSize).toBeNull()
  })

  test.each<[string, unknown]>([
    ['a number', index({ a: 1 })],
    ['null', index({ a: null })],
    ['an empty name', index({ a: '' })],
    ['no map', { metadata: {} }],
    ['an empty map', index({})],
    ['a list as map', index(['a'])],
    ['a list', []],
    ['a text', 'x'],
    ['a null', null],
    ['a size in words', index({ a: 'x.safetensors' }, { total_size: 'big' })],
    ['a negative size', index({ a: 'x.safetensors' }, { total_size: -1 })],
    ['a size of 1e300', index({ a: 'x.safetensors' }, { total_size: 1e300 })],
  ])('%s is invalid_file', async (_, raw) => {
    expect((await thrown(() => read(raw))).code).toBe('invalid_file')
  })

  test('100,000 shards', async () => {
    const map = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => [`t${i}`, `s${i}.safetensors`]),
    )
    const error = await thrown(() => read(index(map)))
    expect([error.code, error.message.includes(`${maxWeightFiles}`)]).toEqual([
      'invalid_file',
      true,
    ])
  })

  test('__proto__ is a tensor name like any other', () => {
    const raw = JSON.parse(
      '{"weight_map": {"__proto__": "x.safetensors", "constructor": "y.safetensors"}}',
    )
    expect([...read(raw).weightMap.keys()]).toEqual(['__proto__', 'constructor'])
  })
})

describe('index against headers', () => {
  const weightMap = new Map([
    ['a', '1.safetensors'],
    ['b', '2.safetensors'],
  ])
  const files = { weightFiles: ['/m/1', '/m/2'], weightMap, totalSize: 12 }
  const a = { name: 'a', bytes: 4, file: 0 }
  const b = { name: 'b', bytes: 8, file: 1 }

  test('agrees', () => {
    atOnce(checkWeightIndex(files, [a, b]))
    atOnce(checkWeightIndex({ ...files, totalSize: null }, [a, { ...b, bytes: 1 }]))
    atOnce(checkWeightIndex({ weightFiles: [], weightMap: null, totalSize: null }, []))
  })

  test.each<[string, { name: string; bytes: number; file: number }[], string]>([
    ['in no shard', [a], '"b"'],
    ['in a wrong shard', [a, { ...b, file: 0 }], '"b"'],
    ['of another size', [a, { ...b, bytes: 9 }], '13'],
  ])('a tensor %s', async (_, tensors, part) => {
    const error = await thrown(() => atOnce(checkWeightIndex(files, tensors)))
    expect([error.code, error.message.includes(part)]).toEqual(['invalid_file', true])
  })
})
