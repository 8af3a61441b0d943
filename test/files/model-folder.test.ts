import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { performance } from 'node:perf_hooks'
import { describe, expect, test } from 'vitest'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { fileLimits } from '../../lib/files/read-file.ts'
import { makeFolder, thrown, tinyConfig, tinyWeights, writeFiles } from './folder.ts'

const basics = { 'config.json': tinyConfig, 'model.safetensors': tinyWeights() }

describe('a folder that loads', () => {
  test('config and one weight file are enough', async () => {
    const path = makeFolder(basics)
    const folder = await openModelFolder(path)
    expect(folder.config.modelType).toBe('qwen3')
    expect(folder.rawConfig).toEqual(tinyConfig)
    expect(folder.weightFiles).toEqual([join(path, 'model.safetensors')])
    expect([folder.weightMap, folder.totalSize, folder.tokenizer]).toEqual([null, null, null])
    expect(folder.generation).toEqual({ eosTokenIds: [], temperature: 0 })
  })

  test('a relative path', async () => {
    const path = makeFolder(basics)
    expect((await openModelFolder(relative(process.cwd(), path))).path).toBe(path)
  })

  test('generation_config.json and the tokenizer', async () => {
    const folder = await openModelFolder(
      makeFolder({
        ...basics,
        'generation_config.json': { eos_token_id: [3, 4] },
        'tokenizer.json': { model: { type: 'BPE' } },
        'tokenizer_config.json': { chat_template: 'T' },
      }),
    )
    expect(folder.generation.eosTokenIds).toEqual([3, 4])
    expect(folder.tokenizer).toEqual({
      tokenizer: { model: { type: 'BPE' } },
      tokenizerConfig: { chat_template: 'T' },
      chatTemplate: 'T',
    })
  })

  const named = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'plain' },
  ]
  test.each<[string, Record<string, unknown>, string | null]>([
    ['absent', {}, null],
    ['in its own file', { 'chat_template.jinja': 'J' }, 'J'],
    [
      'in its own file above all',
      { 'chat_template.jinja': 'J', 'chat_template.json': { chat_template: 'C' } },
      'J',
    ],
    [
      'in JSON above the tokenizer',
      {
        'chat_template.json': { chat_template: 'C' },
        'tokenizer_config.json': { chat_template: 'T' },
      },
      'C',
    ],
    ['in a list', { 'tokenizer_config.json': { chat_template: named } }, 'plain'],
    [
      'in a list without default',
      { 'tokenizer_config.json': { chat_template: [named[0]] } },
      'tools',
    ],
    ['in an empty list', { 'tokenizer_config.json': { chat_template: [] } }, null],
    ['of a wrong type', { 'tokenizer_config.json': { chat_template: 7 } }, null],
  ])('chat template %s', async (_, files, want) => {
    const folder = await openModelFolder(makeFolder({ ...basics, 'tokenizer.json': {}, ...files }))
    expect(folder.tokenizer?.chatTemplate).toBe(want)
  })

  test('the layout of the Hugging Face cache, links into ../../blobs', async () => {
    const repository = makeFolder({ 'blobs/1': tinyConfig, 'blobs/2': tinyWeights() })
    const snapshot = join(repository, 'snapshots', 'c0ffee')
    mkdirSync(snapshot, { recursive: true })
    symlinkSync('../../blobs/1', join(snapshot, 'config.json'))
    symlinkSync('../../blobs/2', join(snapshot, 'model.safetensors'))
    const folder = await openModelFolder(snapshot)
    expect(folder.weightFiles).toEqual([join(repository, 'blobs', '2')])
  })

  test('a link to the folder itself', async () => {
    const path = makeFolder(basics)
    const link = join(makeFolder(), 'link')
    symlinkSync(path, link)
    expect((await openModelFolder(link)).config.modelType).toBe('qwen3')
  })
})

describe('a folder that does not', () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    ['without config.json', { 'model.safetensors': tinyWeights() }, 'io_error', 'config.json'],
    ['without weights', { 'config.json': tinyConfig }, 'io_error', 'model.safetensors'],
    ['empty', {}, 'io_error', 'config.json'],
    [
      'config cut',
      { ...basics, 'config.json': '{"model_type": "qw' },
      'invalid_file',
      'config.json',
    ],
    ['config empty', { ...basics, 'config.json': '' }, 'invalid_file', 'config.json'],
    [
      'config not UTF-8',
      { ...basics, 'config.json': Buffer.from([0x22, 0xff, 0x22]) },
      'invalid_file',
      'UTF-8',
    ],
    ['config a list', { ...basics, 'config.json': [] }, 'invalid_config', 'config.json'],
    ['config nested', { ...basics, 'config.json': '['.repeat(1e6) }, 'invalid_file', 'config.json'],
    [
      'config of 8 MiB',
      { ...basics, 'config.json': ' '.repeat(fileLimits.config + 1) },
      'invalid_file',
      'at most',
    ],
    [
      'generation cut',
      { ...basics, 'generation_config.json': '{' },
      'invalid_file',
      'generation_config.json',
    ],
    ['tokenizer cut', { ...basics, 'tokenizer.json': '{' }, 'invalid_file', 'tokenizer.json'],
    [
      'template of 1 MiB',
      {
        ...basics,
        'tokenizer.json': {},
        'chat_template.jinja': 'x'.repeat(fileLimits.template + 1),
      },
      'invalid_file',
      'at most',
    ],
    [
      'template in JSON of 1 MiB',
      {
        ...basics,
        'tokenizer.json': {},
        'tokenizer_config.json': { chat_template: 'x'.repeat(fileLimits.template + 1) },
      },
      'invalid_file',
      'at most',
    ],
    ...['pytorch_model.bin', 'model.pt', 'model.ckpt', 'model.pth', 'tf_model.h5'].map(
      name =>
        [name, { 'config.json': tinyConfig, [name]: 'x' }, 'unsupported_format', name] as [
          string,
          Record<string, unknown>,
          string,
          string,
        ],
    ),
    ['only pickle, no config', { 'pytorch_model.bin': 'x' }, 'unsupported_format', 'safetensors'],
  ]
  test.each(cases)('%s', async (_, files, code, part) => {
    const error = await thrown(() => openModelFolder(makeFolder(files)))
    expect([error.code, error.message.includes(part)]).toEqual([code, true])
  })

  test('a path that is not there is named', async () => {
    const path = join(makeFolder(), 'nowhere')
    const error = await thrown(() => openModelFolder(path))
    expect([error.code, error.message.includes(path)]).toEqual(['io_error', true])
  })

  test('a NUL in the path', async () => {
    expect((await thrown(() => openModelFolder('a\0b'))).code).toBe('path_forbidden')
  })

  test('what JSON.parse says of a file is not quoted', async () => {
    const error = await thrown(() => openModelFolder(makeFolder({ 'config.json': 'secret-text' })))
    expect([error.code, error.message.includes('secret')]).toEqual(['invalid_file', false])
  })
})

describe('files that are no files', () => {
  test.each(['config.json', 'model.safetensors', 'tokenizer.json', 'generation_config.json'])(
    'a pipe named %s does not hang',
    async name => {
      const path = makeFolder(basics)
      if (name in basics) unlinkSync(join(path, name))
      execFileSync('mkfifo', [join(path, name)])
      const start = performance.now()
      const error = await thrown(() => openModelFolder(path))
      expect(error.code).toBe('invalid_file')
      expect(performance.now() - start).toBeLessThan(1000)
    },
  )

  test.each(['config.json', 'model.safetensors'])('a folder named %s', async name => {
    const path = makeFolder(basics)
    unlinkSync(join(path, name))
    mkdirSync(join(path, name))
    expect((await thrown(() => openModelFolder(path))).code).toBe('invalid_file')
  })

  test('a link that loops', async () => {
    const path = makeFolder(basics)
    unlinkSync(join(path, 'config.json'))
    symlinkSync('config.json', join(path, 'config.json'))
    expect((await thrown(() => openModelFolder(path))).code).toBe('io_error')
  })

  test('a file that may not be read', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may read every file')
    const path = makeFolder(basics)
    chmodSync(join(path, 'config.json'), 0)
    expect((await thrown(() => openModelFolder(path))).code).toBe('io_error')
  })
})

describe('links that leave the folder', () => {
  const outside = () => makeFolder({ 'x.json': tinyConfig, 'x.safetensors': tinyWeights() })
  test.each<[string, string]>([
    ['config.json', 'x.json'],
    ['model.safetensors', 'x.safetensors'],
    ['generation_config.json', 'x.json'],
    ['tokenizer.json', 'x.json'],
  ])('%s', async (name, target) => {
    const path = makeFolder(basics)
    if (name in basics) unlinkSync(join(path, name))
    symlinkSync(join(outside(), target), join(path, name))
    const error = await thrown(() => openModelFolder(path))
    expect([error.code, error.message.includes(name)]).toEqual(['path_forbidden', true])
  })

  test('a folder that only looks like the cache: blobs is itself a link', async () => {
    const repository = makeFolder()
    symlinkSync(outside(), join(repository, 'blobs'))
    const snapshot = join(repository, 'snapshots', 'c0ffee')
    writeFiles(snapshot, basics)
    unlinkSync(join(snapshot, 'config.json'))
    symlinkSync('../../blobs/x.json', join(snapshot, 'config.json'))
    expect((await thrown(() => openModelFolder(snapshot))).code).toBe('path_forbidden')
  })

  test('a folder whose name begins alike is outside', async () => {
    const parent = makeFolder({ 'model-2/x.json': tinyConfig })
    writeFiles(join(parent, 'model'), basics)
    unlinkSync(join(parent, 'model/config.json'))
    symlinkSync('../model-2/x.json', join(parent, 'model/config.json'))
    expect((await thrown(() => openModelFolder(join(parent, 'model')))).code).toBe('path_forbidden')
  })
})

test('18,000 tensors in 16 shards open within 300 ms', async () => {
  const shards = Array.from({ length: 16 }, (_, i) => `model-${i}.safetensors`)
  const names = Array.from({ length: 18_000 }, (_, i) => `model.layers.${i}.mlp.weight`)
  const weight_map = Object.fromEntries(names.map((name, i) => [name, shards[i % 16]]))
  const path = makeFolder({
    'config.json': tinyConfig,
    'model.safetensors.index.json': { metadata: {}, weight_map },
  })
  for (const shard of shards) writeFiles(path, { [shard]: tinyWeights(shard) })
  truncateSync(join(path, shards[0] as string), 10)
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const start = performance.now()
    const folder = await openModelFolder(path)
    times.push(performance.now() - start)
    expect([folder.weightMap?.size, folder.weightFiles.length]).toEqual([18_000, 16])
  }
  expect(Math.min(...times)).toBeLessThan(300)
})
