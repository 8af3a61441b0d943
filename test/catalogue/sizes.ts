/** Files as large as they may be, and larger ones: ST-10, and the sizes of IX-1, CF-4, TK-3 and TK-5. */
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTensors } from '../../lib/files/weight-files.ts'
import { loadModel } from '../../lib/index.ts'
import { native, nativeCall } from '../../lib/native.ts'
import { root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { type Case, rows } from './case.ts'

type Json = Record<string, unknown>

/** As many as a file, and a model, may hold. */
const [fileTensors, modelTensors] = [2 ** 17, 2 ** 18]

/** A weight file of so many tensors without elements, which a loader leaves alone. */
function emptyTensors(first: number, count: number): [names: string[], file: Buffer] {
  const names = Array.from({ length: count }, (_, i) => `mtp.experts.${first + i}.weight`)
  const entry = ':{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
  const header = Buffer.from(`{${names.map(name => JSON.stringify(name) + entry).join(',')}}`)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return [names, Buffer.concat([length, header])]
}

/** Makes a folder when it is first asked for, and keeps it: a case may run three times. */
const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => (made ??= make())
}

/** Weight files of these many tensors, opened as a load opens them. */
const opened = (...counts: number[]) => {
  const paths = once(() => {
    const folder = makeFolder()
    let first = 0
    return counts.map((count, i) => {
      const path = join(folder, `${i}.safetensors`)
      writeFileSync(path, emptyTensors(first, count)[1])
      first += count
      return path
    })
  })
  return async () => {
    const store = await nativeCall(() => native().openWeights(paths()))
    try {
      return (await readTensors(store)).length
    } finally {
      store.close()
    }
  }
}

/** Loads a folder and asks it for three tokens. */
const load = (make: () => string) => {
  const folder = once(make)
  return async () => {
    await using model = await loadModel(folder(), { maxContext: 64 })
    return (await model.generate([1, 2, 3], { maxTokens: 3, ignoreEos: true }).result()).tokenIds
  }
}

/** A copy of a golden folder with one thing changed. */
const changed = (golden: string, change: (folder: string) => void) =>
  load(() => {
    const folder = makeFolder()
    cpSync(join(root, 'test/golden', golden), folder, { recursive: true })
    change(folder)
    return folder
  })

const indexName = 'model.safetensors.index.json'
const index = (edit: (map: Json, folder: string) => void) =>
  changed('moe-norm-false-tied-sharded', folder => {
    const path = join(folder, indexName)
    const parsed = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Json }
    edit(parsed.weight_map, folder)
    writeFileSync(path, JSON.stringify(parsed))
  })
const entries = (count: number, file: (i: number) => string) =>
  index(map => {
    for (let i = 0; i < count; i++) map[`t${i}`] = file(i)
  })

/** Fills a sharded model up to `modelTensors`, as the headers and the index say. */
const filled = index((map, folder) => {
  let left = modelTensors - Object.keys(map).length
  for (let i = 0; left > 0; i++) {
    const [names, bytes] = emptyTensors(left, Math.min(left, fileTensors))
    writeFileSync(join(folder, `more-${i}.safetensors`), bytes)
    for (const name of names) map[name] = `more-${i}.safetensors`
    left -= names.length
  }
})

/** A model of so many experts of a few bytes, two tensors a layer. */
const experts = (layers: number, numExperts: number) =>
  load(() => {
    const folder = makeFolder({
      'config.json': {
        ...{ model_type: 'qwen3_moe', vocab_size: 8, hidden_size: 2, moe_intermediate_size: 1 },
        ...{ num_hidden_layers: layers, num_experts: numExperts, num_experts_per_tok: 1 },
        ...{ num_attention_heads: 1, num_key_value_heads: 1, head_dim: 2 },
        ...{ max_position_embeddings: 64, tie_word_embeddings: true },
      },
    })
    const header: Json = {}
    let at = 0
    const put = (name: string, ...shape: number[]) => {
      const end = at + 4 * shape.reduce((a, b) => a * b, 1)
      header[`model.${name}`] = { dtype: 'F32', shape, data_offsets: [at, end] }
      at = end
    }
    put('embed_tokens.weight', 8, 2)
    put('norm.weight', 2)
    for (let i = 0; i < layers; i++) {
      for (const norm of ['input_layernorm', 'post_attention_layernorm'])
        put(`layers.${i}.${norm}.weight`, 2)
      for (const norm of ['q_norm', 'k_norm']) put(`layers.${i}.self_attn.${norm}.weight`, 2)
      for (const part of ['q', 'k', 'v', 'o'])
        put(`layers.${i}.self_attn.${part}_proj.weight`, 2, 2)
      put(`layers.${i}.mlp.gate.weight`, numExperts, 2)
      put(`layers.${i}.mlp.experts.gate_up_proj`, numExperts, 2, 2)
      put(`layers.${i}.mlp.experts.down_proj`, numExperts, 2, 1)
    }
    const text = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    const path = join(folder, 'model.safetensors')
    writeFileSync(path, Buffer.concat([length, text]))
    truncateSync(path, 8 + text.length + at)
    return folder
  })

const byteTokenizer = join(root, 'test/engine/byte-tokenizer.json')

/** A golden model beside a file of so many bytes, most of which the disk need not hold. */
const sized = (name: string, bytes: number) =>
  [
    `${name} of ${bytes} bytes`,
    changed('moe-f32', folder => {
      if (name === indexName) rmSync(join(folder, 'model.safetensors'))
      cpSync(byteTokenizer, join(folder, 'tokenizer.json'))
      writeFileSync(join(folder, name), '{')
      truncateSync(join(folder, name), bytes)
    }),
  ] as const

interface TokenizerJson {
  model: { vocab: Json; merges: string[] }
}
const tokenizer = (change: (file: TokenizerJson) => void) =>
  changed('moe-f32', folder => {
    const file = JSON.parse(readFileSync(byteTokenizer, 'utf8')) as TokenizerJson
    change(file)
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(file))
  })

const [megabytes500, mebibyte] = [500_000_000, 2 ** 20]

export const sizeCases: Case[] = [
  ...rows('ST-10', 'ok', [
    ['131,072 tensors', opened(fileTensors)],
    ['262,144 tensors in two files', opened(fileTensors, fileTensors)],
  ]),
  ...rows('ST-10', 'invalid_file', [
    ['131,074 tensors', opened(fileTensors + 2)], // one more may be the metadata
    ['262,145 tensors in three files', opened(fileTensors, fileTensors, 1)],
    ['1,000,000 tensors', opened(1_000_000)],
  ]),
  ...rows('IX-1', 'ok', [['262,144 tensors in six shards', filled]]),
  ...rows('IX-1', 'invalid_file', [
    ['100,000 shards', entries(100_000, i => `s${i}.safetensors`)],
    ['262,145 tensors', entries(modelTensors + 1, () => 'x.safetensors')],
    sized(indexName, 64 * mebibyte + 1),
    sized(indexName, megabytes500),
  ]),
  ...rows('CF-1', 'invalid_file', [sized('config.json', 8 * mebibyte + 1)]),
  ...rows('CF-4', 'ok', [['65,536 experts in 64 layers', experts(64, 1024)]]),
  ...rows('CF-4', 'invalid_config', [
    ['65,600 experts in 64 layers', experts(64, 1025)],
    ['4,097 experts in a layer', experts(1, 4097)],
  ]),
  ...rows('TK-3', 'invalid_file', [
    [
      '600,000 tokens',
      tokenizer(file => {
        for (let i = 0; i < 600_000; i++) file.model.vocab[`t${i}`] = 1000 + i
      }),
    ],
  ]),
  ...rows('TK-5', 'invalid_file', [
    sized('tokenizer.json', 64 * mebibyte + 1),
    sized('tokenizer.json', megabytes500),
    sized('tokenizer_config.json', megabytes500),
    sized('chat_template.jinja', megabytes500),
  ]),
]
