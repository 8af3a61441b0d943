import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { loadModel } from '../../lib/index.ts'
import { native, type TensorInfo } from '../../lib/native.ts'
import { quantizeModel } from '../../lib/quantize/quantize.ts'
import { root } from '../engine/needs.ts'
import { makeFolder, thrown } from '../files/folder.ts'
import { goldenFolder } from '../models/golden.ts'
import expected from './gguf_reference.json' with { type: 'json' }

const golden = (name: string) => join(goldenFolder, name)
const newFile = (name = 'model.gguf') => join(makeFolder(), name)
const defaultModel = join(root, 'default-model')

async function write(source: string, target = newFile()): Promise<string> {
  await quantizeModel(source, target, { format: 'gguf' })
  return target
}

/** A copy of a golden model with other keys in its config, and more files. */
function modelWith(name: string, changes: object, files: Record<string, unknown> = {}): string {
  const config = JSON.parse(readFileSync(join(golden(name), 'config.json'), 'utf8'))
  const weights = readFileSync(join(golden(name), 'model.safetensors'))
  const all = { 'config.json': { ...config, ...changes }, 'model.safetensors': weights, ...files }
  return makeFolder(all)
}

const padded = (bytes: number) => Math.ceil(bytes / 32) * 32

/** The tensors of a file: they lie in order, padded, at its end, from which `at` counts. */
async function readTensors(
  path: string,
): Promise<Map<string, TensorInfo & { at: number; sha256: string }>> {
  const store = await native().openWeights([path])
  const tensors = store.tensors()
  store.close()
  const file = readFileSync(path)
  let at = -tensors.reduce((sum, { bytes }) => sum + padded(bytes), 0)
  return new Map(
    tensors.map(tensor => {
      const data = file.subarray(file.length + at, file.length + at + tensor.bytes)
      const sha256 = createHash('sha256').update(data).digest('hex')
      const read = { ...tensor, at, sha256 }
      at += padded(tensor.bytes)
      return [tensor.name, read]
    }),
  )
}

describe('the file', () => {
  it.each(Object.entries(expected))(
    'of %s has the tensors that `gguf` makes',
    async (name, all) => {
      const written = await readTensors(await write(golden(name)))
      written.delete('rope_freqs.weight')
      expect([...written.keys()].sort()).toEqual(Object.keys(all).sort())
      for (const [tensor, { type, shape, sha256 }] of Object.entries(all)) {
        const { dtype, shape: came, sha256: hash } = written.get(tensor)!
        expect({ tensor, dtype, shape: came, hash }).toEqual({
          tensor,
          dtype: type.toLowerCase(),
          shape,
          hash: sha256,
        })
      }
    },
  )

  it('is the same when it is made again from itself', async () => {
    for (const source of [defaultModel, golden('llama-biases-mha'), golden('llama3-new-keys')]) {
      const first = await write(source)
      const second = await write(first)
      expect(await readTensors(second)).toEqual(await readTensors(first))
      const third = await write(second)
      expect(readFileSync(third).equals(readFileSync(second))).toBe(true)
    }
  })

  it.each([
    'moe-f32',
    'moe-yarn',
    'moe-mlp-only-layers',
    'dense-tied-sharded',
    'dense-linear-type',
    'llama3-old-keys',
  ])('of %s is the same model: config and answers', async name => {
    const file = await write(golden(name))
    const [source, target] = [await openModelFolder(golden(name)), await openModelFolder(file)]
    const { dtype, quantization, rope, moe, ...config } = source.config
    const same = { ...config, rmsNormEps: Math.fround(config.rmsNormEps) }
    expect(target.config).toMatchObject(same)
    expect(target.config.rope.theta).toBe(rope.theta)
    expect(target.config.moe?.numExpertsPerTok).toBe(moe?.numExpertsPerTok)
    expect(target.config.moe?.mlpOnlyLayers).toEqual(moe?.mlpOnlyLayers)
    const ids = Array.from({ length: 50 }, (_, i) => (i * 37 + 11) % 300)
    const [a, b] = [await logits(golden(name), ids), await logits(file, ids)]
    expect(distance(a, b)).toBeLessThan(0.05)
  })

  it('is multiplied with the very numbers that it holds', async () => {
    const file = await write(golden('moe-f32'))
    const bytes = readFileSync(file)
    // Levels up to 85, as writers may choose: no scale that loading could find would meet them.
    for (const { dtype, at, bytes: size } of (await readTensors(file)).values()) {
      if (dtype !== 'q8_0') continue
      for (let i = 0; i < size; i++) {
        const place = bytes.length + at + i
        if (i % 34 >= 2) bytes.writeInt8(Math.trunc((bytes.readInt8(place) * 85) / 127), place)
      }
    }
    writeFileSync(file, bytes)
    const ids = Array.from({ length: 50 }, (_, i) => (i * 37 + 11) % 300)
    const [a, b] = [await logits(file, ids), await logits(file, ids, 'auto')]
    expect(distance(a, b)).toBeLessThan(2e-4)
  })
})

/** Of b from a, as a share of a. */
function distance(a: Float32Array, b: Float32Array): number {
  let [error, size] = [0, 0]
  for (const [i, x] of a.entries()) {
    error += (x - b[i]!) ** 2
    size += x ** 2
  }
  return Math.sqrt(error / size)
}

async function logits(
  path: string,
  ids: number[],
  weights: 'f32' | 'auto' = 'f32',
): Promise<Float32Array> {
  await using model = await loadModel(path, { weights, kvCache: 'f32', threads: 1 })
  return await model.logits(ids)
}

describe('the tokenizer', () => {
  it('cuts, stops and chats as before', async () => {
    const [source, target] = [
      await openModelFolder(defaultModel),
      await openModelFolder(await write(defaultModel)),
    ]
    expect(target.generation.eosTokenIds).toEqual(source.generation.eosTokenIds)
    expect(target.tokenizer?.chatTemplate).toBe(source.tokenizer?.chatTemplate)
    const [a, b] = [source, target].map(folder => ModelTokenizer.fromFiles(folder.tokenizer!))
    const texts = ['', 'Hello, world', "I'm 17 + 25\n\n  naïve — 漢字 🙂", '<|im_start|>x']
    for (const text of texts) {
      expect(b!.encode(text)).toEqual(a!.encode(text))
      const options = { controlTokens: true }
      expect(b!.encode(text, options)).toEqual(a!.encode(text, options))
    }
    const chat = [{ role: 'user', content: 'Hi <|im_end|>' }] as const
    expect(b!.applyChatTemplate([...chat])).toEqual(a!.applyChatTemplate([...chat]))
  })

  const tokenizer = (changes: object) => ({
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    added_tokens: [{ id: 3, content: '<s>', special: true }],
    ...changes,
  })
  const config = { bos_token: '<s>' }
  const begins = (id: string) => ({
    type: 'Sequence',
    processors: [
      { type: 'ByteLevel' },
      { type: 'TemplateProcessing', single: [{ SpecialToken: { id } }, { Sequence: { id: 'A' } }] },
    ],
  })

  it('keeps the token that begins a text', async () => {
    const files = {
      'tokenizer.json': tokenizer({ post_processor: begins('<s>') }),
      'tokenizer_config.json': config,
    }
    const file = await write(modelWith('dense-f32', {}, files))
    const { tokenizer: read, config: model } = await openModelFolder(file)
    expect(
      Array.from(ModelTokenizer.fromFiles(read!).encode('ab', { addSpecialTokens: true })),
    ).toEqual([3, 2])
    expect(model.bosTokenId).toBe(3)
  })

  it.each([
    ['words cut in no known way', { pre_tokenizer: { type: 'Whitespace' } }],
    ['another kind of model', { model: { type: 'Unigram', vocab: [] } }],
    ['SentencePiece', { model: { type: 'BPE', byte_fallback: true, vocab: { a: 0 }, merges: [] } }],
    ['a beginning of its own', { post_processor: begins('ab') }],
    ['tokens beyond the embedding', { added_tokens: [{ id: 5000, content: 'x' }] }],
  ])('refuses %s and leaves nothing', async (_, changes) => {
    const files = { 'tokenizer.json': tokenizer(changes), 'tokenizer_config.json': config }
    const target = newFile()
    const error = await thrown(() => write(modelWith('dense-f32', {}, files), target))
    expect(error).toMatchObject({ code: 'unsupported_model' })
    expect(existsSync(target)).toBe(false)
  })
})

describe('what the format cannot say', () => {
  it.each([
    ['weights of experts that are not normalised', 'moe-f32', { norm_topk_prob: false }],
    [
      'YaRN with a factor of its own',
      'dense-f32',
      { rope_scaling: { rope_type: 'yarn', factor: 4, attention_factor: 1.5 } },
    ],
  ])('is refused: %s', async (_, name, changes) => {
    const error = await thrown(() => write(modelWith(name, changes)))
    expect(error).toMatchObject({ code: 'unsupported_model' })
  })

  it('takes no place that is taken', async () => {
    const target = newFile()
    writeFileSync(target, 'mine')
    expect(await thrown(() => write(golden('moe-f32'), target))).toMatchObject({
      code: 'invalid_request',
    })
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })
})
