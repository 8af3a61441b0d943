import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { native } from '../../lib/native.ts'
import { makeFolder, thrown } from './folder.ts'
import {
  f32Tensor,
  type GgufBytes,
  type GgufKeyList,
  ggufBytes,
  ggufFile,
  keysWith,
  list,
  tinyKeys,
  tinyTensors,
  value,
} from './gguf-writer.ts'

const refusal = (keys: GgufKeyList, tensors = tinyTensors) =>
  thrown(() => openModelFolder(ggufFile(keys, tensors)))

type Row = [what: string, code: string, changes: Record<string, GgufBytes | null>]

const text = (s: string) => value('string', s)
const int = (n: number) => value('u32', n)

describe('GG-1: what is not GGUF', () => {
  const whole = ggufBytes(tinyKeys, tinyTensors)
  const version = (n: number) => {
    const bytes = Buffer.from(whole)
    bytes.writeUInt32LE(n, 4)
    return bytes
  }
  test.each([
    ['empty', Buffer.alloc(0), 'unsupported_format'],
    ['another magic', Buffer.from('GGML and more'), 'unsupported_format'],
    ['a pickle', Buffer.from('\x80\x02}q\x00.', 'latin1'), 'unsupported_format'],
    ['version 0', version(0), 'unsupported_format'],
    ['version 1', version(1), 'unsupported_format'],
    ['version 99', version(99), 'unsupported_format'],
    ['big-endian', version(0x03000000), 'unsupported_format'],
    ['only the magic', whole.subarray(0, 4), 'invalid_file'],
    ['a cut header', whole.subarray(0, 200), 'invalid_file'],
    ['cut data', whole.subarray(0, whole.length - 33), 'invalid_file'],
  ])('%s', async (_, bytes, code) => {
    const folder = makeFolder({ 'model.gguf': bytes })
    expect((await thrown(() => openModelFolder(join(folder, 'model.gguf')))).code).toBe(code)
  })

  test('nothing, and a folder of that name', async () => {
    const folder = makeFolder({})
    expect((await thrown(() => openModelFolder(join(folder, 'a.gguf')))).code).toBe('io_error')
    mkdirSync(join(folder, 'b.gguf'))
    expect((await thrown(() => openModelFolder(join(folder, 'b.gguf')))).code).toBe('io_error')
  })
})

describe('GG-8: known keys', () => {
  const wrong: Row[] = [
    ['block_count as a string', 'invalid_config', { 'qwen3.block_count': text('1') }],
    ['block_count as a float', 'invalid_config', { 'qwen3.block_count': value('f32', 1) }],
    ['block_count as a list', 'invalid_config', { 'qwen3.block_count': list('u32', [1]) }],
    ['block_count as a boolean', 'invalid_config', { 'qwen3.block_count': value('bool', true) }],
    ['block_count missing', 'invalid_config', { 'qwen3.block_count': null }],
    ['block_count of 0', 'invalid_config', { 'qwen3.block_count': int(0) }],
    ['block_count of 2^32-1', 'invalid_config', { 'qwen3.block_count': int(2 ** 32 - 1) }],
    ['block_count beyond 2^53', 'invalid_config', { 'qwen3.block_count': value('u64', 2 ** 60) }],
    [
      'more than a million merges',
      'invalid_config',
      { 'tokenizer.ggml.merges': list('string', new Array(2 ** 20 + 1).fill('')) },
    ],
    ['no architecture', 'invalid_config', { 'general.architecture': null }],
    ['architecture as a number', 'invalid_config', { 'general.architecture': int(3) }],
    ['another architecture', 'unsupported_model', { 'general.architecture': text('mamba') }],
    ['a property of objects', 'unsupported_model', { 'general.architecture': text('__proto__') }],
    ['embedding_length missing', 'invalid_config', { 'qwen3.embedding_length': null }],
    ['context_length missing', 'invalid_config', { 'qwen3.context_length': null }],
    ['head_count missing', 'invalid_config', { 'qwen3.attention.head_count': null }],
    ['head_count of 0', 'invalid_config', { 'qwen3.attention.head_count': int(0) }],
    [
      'head_count an empty list',
      'invalid_config',
      { 'qwen3.attention.head_count': list('i32', []) },
    ],
    [
      'head counts that differ',
      'unsupported_model',
      { 'qwen3.attention.head_count_kv': list('i32', [1, 2]) },
    ],
    ['heads that do not divide', 'invalid_config', { 'qwen3.attention.head_count_kv': int(3) }],
    [
      'odd heads',
      'invalid_config',
      { 'qwen3.attention.key_length': int(3), 'qwen3.attention.value_length': int(3) },
    ],
    [
      'epsilon as a string',
      'invalid_config',
      { 'qwen3.attention.layer_norm_rms_epsilon': text('1e-6') },
    ],
    [
      'epsilon NaN',
      'invalid_config',
      { 'qwen3.attention.layer_norm_rms_epsilon': value('f32', Number.NaN) },
    ],
    ['epsilon missing', 'invalid_config', { 'qwen3.attention.layer_norm_rms_epsilon': null }],
    ['freq_base infinite', 'invalid_config', { 'qwen3.rope.freq_base': value('f32', Infinity) }],
    ['freq_base 0', 'invalid_config', { 'qwen3.rope.freq_base': value('f32', 0) }],
    ['partial rotation', 'unsupported_model', { 'qwen3.rope.dimension_count': int(1) }],
    ['values of another width', 'unsupported_model', { 'qwen3.attention.value_length': int(4) }],
    ['a scaled expert sum', 'unsupported_model', { 'qwen3.expert_weights_scale': value('f32', 2) }],
    ['unknown rope scaling', 'unsupported_model', { 'qwen3.rope.scaling.type': text('longrope') }],
    ['scaling without factor', 'invalid_config', { 'qwen3.rope.scaling.type': text('linear') }],
    ['vocab_size beside the rows', 'invalid_config', { 'qwen3.vocab_size': int(7) }],
  ]
  test.each(wrong)('%s', async (_, code, changes) => {
    const error = await refusal(keysWith(changes))
    expect(error.code, error.message).toBe(code)
  })

  test('a key twice', async () => {
    const twice = [...tinyKeys, ['qwen3.block_count', int(2)] as const]
    expect((await refusal(twice)).code).toBe('invalid_config')
  })

  test('llama with experts is another model', async () => {
    const keys = tinyKeys.map(([key, v]) => [key.replace(/^qwen3\./, 'llama.'), v] as const)
    const changes = { 'general.architecture': text('llama'), 'llama.expert_count': int(8) }
    expect((await refusal(keysWith(changes, keys))).code).toBe('unsupported_model')
  })

  test('no embedding', async () => {
    expect((await refusal(tinyKeys, [f32Tensor('other', [6, 4])])).code).toBe('invalid_file')
  })

  test('rope_freqs that is a matrix, or no number', async () => {
    const freqs = (shape: number[], values?: Float32Array) =>
      refusal(tinyKeys, [...tinyTensors, f32Tensor('rope_freqs.weight', shape, values)])
    expect((await freqs([1, 2])).code).toBe('invalid_file')
    expect((await freqs([100_000])).code).toBe('invalid_file')
    expect((await freqs([1], Float32Array.of(0))).code).toBe('invalid_config')
    expect((await freqs([1], Float32Array.of(Number.NaN))).code).toBe('invalid_config')
  })
})

describe('GG-9: the tokenizer', () => {
  const ggml = (name: string, v: GgufBytes | null) => ({ [`tokenizer.ggml.${name}`]: v })
  const wrong: Row[] = [
    ['fewer types than tokens', 'invalid_file', ggml('token_type', list('i32', [1, 1]))],
    ['more types than tokens', 'invalid_file', ggml('token_type', list('i32', Array(7).fill(1)))],
    ['fewer scores than tokens', 'invalid_file', ggml('scores', list('f32', [0, 0]))],
    ['types as floats', 'invalid_config', ggml('token_type', list('f32', Array(6).fill(1)))],
    ['no tokens', 'invalid_file', ggml('tokens', null)],
    ['empty tokens', 'invalid_file', ggml('tokens', list('string', []))],
    ['tokens as numbers', 'invalid_config', ggml('tokens', list('u32', [1, 2, 3, 4, 5, 6]))],
    ['tokens as one string', 'invalid_config', ggml('tokens', text('abc'))],
    ['more tokens than rows', 'invalid_file', ggml('tokens', list('string', [...'abcdefg']))],
    [
      'a token twice',
      'invalid_file',
      ggml('tokens', list('string', ['a', 'b', 'ab', 'c', 'a', ''])),
    ],
    ['no merges', 'invalid_file', ggml('merges', null)],
    ['eos beyond the tokens', 'invalid_file', ggml('eos_token_id', int(6))],
    ['bos at 2^32-1', 'invalid_file', ggml('bos_token_id', int(2 ** 32 - 1))],
    ['padding below 0', 'invalid_file', ggml('padding_token_id', value('i32', -1))],
    ['eos as a string', 'invalid_config', ggml('eos_token_id', text('3'))],
    ['add_bos_token as a number', 'invalid_config', ggml('add_bos_token', int(1))],
    ['another kind', 'unsupported_model', ggml('model', text('t5'))],
    ['SentencePiece', 'unsupported_model', ggml('model', text('llama'))],
    ['unknown words', 'unsupported_model', ggml('pre', text('constructor'))],
  ]
  test.each(wrong)('%s', async (_, code, changes) => {
    const error = await refusal(keysWith(changes))
    expect(error.code, error.message).toBe(code)
  })
})

test('keys that are no UTF-8 are no reason to read them again', async () => {
  const bytes = ggufBytes(keysWith({ 'k\u00e4': int(1), 'k\u00f6': int(2) }), tinyTensors)
  for (const name of ['\u00e4', '\u00f6']) {
    const at = bytes.indexOf(`k${name}`)
    bytes[at + 1] = bytes[at + 2]! // two keys, and one text of two U+FFFD
  }
  const folder = makeFolder({ 'model.gguf': bytes })
  expect((await openModelFolder(join(folder, 'model.gguf'))).config.vocabSize).toBe(6)
})

test('a SentencePiece vocabulary is refused with what is read instead', async () => {
  const { message } = await refusal(keysWith({ 'tokenizer.ggml.model': text('llama') }))
  expect(message).toContain('Take the Hugging Face folder')
  expect(message).toMatch(/tokenizer\.ggml\.model.*"llama" \(SentencePiece\).*"gpt2" \(byte-pair/)
})

describe('GG-10: split files', () => {
  const split = (no: number, count: number, tensors: number) => ({
    'split.no': value('u16', no),
    'split.count': value('u16', count),
    'split.tensors.count': value('i32', tensors),
  })
  const part = (no: number, count: number, tensors = count, name = `t${no}`) =>
    ggufBytes(
      no === 0 ? keysWith(split(no, count, tensors)) : keysWith(split(no, count, tensors), []),
      no === 0 ? tinyTensors : [f32Tensor(name, [1])],
    )
  const nameOf = (no: number, count: number) =>
    `m-${String(no + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`
  const parts = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [nameOf(i, count), part(i, count)]))
  const open = (files: Record<string, Uint8Array>, name = nameOf(0, 3)) =>
    openModelFolder(join(makeFolder(files), name))

  test('all parts, in order', async () => {
    const { weightFiles } = await open(parts(3))
    expect(weightFiles.map(path => path.slice(path.lastIndexOf('/') + 1))).toEqual(
      [0, 1, 2].map(i => nameOf(i, 3)),
    )
  })

  test('one part that says so', async () => {
    expect((await open({ 'one.gguf': part(0, 1) }, 'one.gguf')).weightFiles).toHaveLength(1)
  })

  test.each([
    ['a part missing', { ...parts(3), [nameOf(1, 3)]: undefined }],
    ['only the first part', { [nameOf(0, 3)]: part(0, 3) }],
    ['a later part first', parts(3), nameOf(1, 3)],
    ['parts swapped', { ...parts(3), [nameOf(1, 3)]: part(2, 3), [nameOf(2, 3)]: part(1, 3) }],
    ['a part twice', { ...parts(3), [nameOf(2, 3)]: part(1, 3) }],
    ['a part of another set', { ...parts(3), [nameOf(1, 3)]: part(1, 4) }],
    ['a part that is a whole model', { ...parts(3), [nameOf(1, 3)]: ggufBytes([], []) }],
    ['a count that is not the name’s', { [nameOf(0, 3)]: part(0, 2) }],
    ['another name', { 'm.gguf': part(0, 3) }, 'm.gguf'],
    ['a tensor less than promised', { ...parts(3), [nameOf(0, 3)]: part(0, 3, 4) }],
    ['a tensor more than promised', { ...parts(3), [nameOf(0, 3)]: part(0, 3, 2) }],
    ['one tensor in two parts', { ...parts(3), [nameOf(2, 3)]: part(2, 3, 3, 't1') }],
    ['65,535 parts', { 'm-00001-of-65535.gguf': part(0, 65_535) }, 'm-00001-of-65535.gguf'],
    ['4,096 parts of which one is there', { [nameOf(0, 4096)]: part(0, 4096) }, nameOf(0, 4096)],
    ['a number beyond the count', { [nameOf(0, 3)]: part(3, 3) }],
  ] as [string, Record<string, Uint8Array>, string?][])('%s', async (_, files, name) => {
    const there = Object.fromEntries(Object.entries(files).filter(([, bytes]) => bytes))
    expect((await thrown(() => open(there, name))).code).toBe('missing_shard')
  })

  test('300 parts hold no file descriptors', async context => {
    if (process.platform !== 'linux') return context.skip('only Linux counts them in /proc')
    const count = () => readdirSync('/proc/self/fd').length
    const folder = await open(parts(300), nameOf(0, 300))
    const before = count()
    const store = await native().openWeights(folder.weightFiles)
    expect(store.tensors()).toHaveLength(300)
    expect(count()).toBeLessThan(before + 10)
    store.close()
  })

  test('a part that leaves the folder is not opened', async () => {
    const folder = makeFolder({ [nameOf(0, 2)]: part(0, 2) })
    const outside = makeFolder({ 'x.gguf': part(1, 2) })
    symlinkSync(join(outside, 'x.gguf'), join(folder, nameOf(1, 2)))
    const error = await thrown(() => openModelFolder(join(folder, nameOf(0, 2))))
    expect(error.code).toBe('path_forbidden')
  })

  test('split.count as a string', async () => {
    const keys = keysWith({ 'split.count': text('3') })
    expect((await refusal(keys)).code).toBe('invalid_config')
  })
})
