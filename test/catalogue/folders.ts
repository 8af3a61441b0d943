/** IX and CF: what index and config.json may say, each a golden folder with one thing changed. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { loadModel } from '../../lib/index.ts'
import { root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { type Case, rows, short } from './case.ts'

type Json = Record<string, unknown>

/** Loads a changed copy of a golden folder and asks it for three tokens. */
const load = (golden: string, change: (folder: string) => void) => async () => {
  const folder = makeFolder()
  cpSync(join(root, 'test/golden', golden), folder, { recursive: true })
  change(folder)
  await using model = await loadModel(folder)
  return (await model.generate([1, 2, 3], { maxTokens: 3, ignoreEos: true }).result()).tokenIds
}

const byteTokenizer = join(root, 'test/engine/byte-tokenizer.json')

/** A golden folder with a tokenizer of 257 ids and a chat template. */
export function textModel(): string {
  const folder = makeFolder({
    'tokenizer.json': readFileSync(byteTokenizer),
    'chat_template.jinja':
      '{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.tool_calls %}{{ m.tool_calls }}' +
      '{% endif %}<|end|>{% endfor %}{{ tools }}',
  })
  cpSync(join(root, 'test/golden/moe-f32'), folder, { recursive: true })
  return folder
}

const sharded = (change: (folder: string) => void) => load('moe-norm-false-tied-sharded', change)
const indexName = 'model.safetensors.index.json'
const shard = (i: number) => `model-0000${i}-of-00004.safetensors`

const index = (edit: (index: Index) => unknown) =>
  sharded(folder => {
    const path = join(folder, indexName)
    const parsed = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify(edit(parsed) ?? parsed))
  })
interface Index {
  weight_map: Json
  metadata: Json
}
/** More entries, and another file for the first one where it is given. */
const put = ({ weight_map, metadata }: Index, more: Json, first?: unknown) => {
  const moved = first === undefined ? {} : { [Object.keys(weight_map)[0]!]: first }
  return { metadata, weight_map: { ...weight_map, ...moved, ...more } }
}
const sized = ({ weight_map }: Index, total_size: unknown) => ({
  weight_map,
  metadata: { total_size },
})
const name = (value: unknown) => [short(value), index(i => put(i, {}, value))] as const

const indexCases: Case[] = [
  ...rows('IX-1', 'ok', [['as it is', sharded(() => {})]]),
  ...rows('IX-1', 'missing_shard', [
    ['a shard missing', sharded(folder => rmSync(join(folder, shard(2))))],
    [
      'all shards missing',
      sharded(folder => [1, 2, 3, 4].map(i => rmSync(join(folder, shard(i))))),
    ],
    ['a shard that never was', index(i => put(i, { x: 'x.safetensors' }))],
  ]),
  ...rows('IX-1', 'invalid_file', [
    ['a shard empty', sharded(folder => writeFileSync(join(folder, shard(2)), ''))],
    [
      'a shard cut',
      sharded(folder => {
        const path = join(folder, shard(2))
        writeFileSync(path, readFileSync(path).subarray(0, 5000))
      }),
    ],
    [
      'a shard twice',
      sharded(folder => cpSync(join(folder, shard(1)), join(folder, shard(2)), { force: true })),
    ],
    ['a tensor in another shard', index(i => put(i, {}, shard(4)))],
    ['a tensor in no shard', index(i => put(i, { 'no.such.tensor': shard(1) }))],
    ['total_size one more', index(i => sized(i, Number(i.metadata.total_size) + 1))],
    ['total_size negative', index(i => sized(i, -1))],
    ['total_size a text', index(i => sized(i, 'big'))],
    ['no map', index(() => ({ metadata: {} }))],
    ['an empty map', index(() => ({ weight_map: {} }))],
    ['a list', index(() => [])],
    ['null', index(() => 'null')],
    ['cut', sharded(folder => writeFileSync(join(folder, indexName), '{"weight_map": {'))],
    name(''),
    name(7),
    name(null),
  ]),
  ...rows('IX-2', 'path_forbidden', [
    ...[
      '../x.safetensors',
      '/etc/x.safetensors',
      'a/../../x.safetensors',
      'sub/x.safetensors',
      'x\0.safetensors',
      'a\\x.safetensors',
      '..\\x.safetensors',
      'C:\\x.safetensors',
      'https://host/x.safetensors',
      'file:x.safetensors',
      '.',
      '..',
    ].map(name),
    [
      'a link that leaves the folder',
      sharded(folder => {
        const outside = join(makeFolder(), 'x.safetensors')
        cpSync(join(folder, shard(1)), outside)
        rmSync(join(folder, shard(1)))
        symlinkSync(outside, join(folder, shard(1)))
      }),
    ],
  ]),
]

const config = (changes: Json) =>
  load('moe-f32', folder => {
    const path = join(folder, 'config.json')
    const text = JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes })
    writeFileSync(path, text.replaceAll('"1e308"', '1e308'))
  })
const key = (changes: Json) => [short(changes), config(changes)] as const
const each = (name: string, values: readonly unknown[]) =>
  values.map(value => key({ [name]: value }))
const text = (content: string) =>
  [short(content), load('moe-f32', f => writeFileSync(join(f, 'config.json'), content))] as const
/** With a tokenizer of 257 ids and one more: an added token, or one of its words. */
const withToken = (added: number | null, word?: number) =>
  load('moe-f32', folder => {
    const file = JSON.parse(readFileSync(byteTokenizer, 'utf8'))
    if (added !== null) file.added_tokens.push({ id: added, content: '<|last|>', special: true })
    if (word !== undefined) file.model.vocab.last = word
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(file))
  })
const sizes = ['num_hidden_layers', 'num_attention_heads', 'hidden_size', 'vocab_size', 'head_dim']
const pickle = (names: readonly string[], bytes: Buffer) =>
  names.map(
    file =>
      [
        file,
        load('moe-f32', folder => {
          rmSync(join(folder, 'model.safetensors'))
          writeFileSync(join(folder, file), bytes)
        }),
      ] as const,
  )
const zip = Buffer.from('504b0304140000000800', 'hex')
const opcode = Buffer.from('80025d7100', 'hex')

/** What stands in a file that was fetched from the wrong place, or not unpacked. */
const others = [
  ['a page of HTML', Buffer.from('<!DOCTYPE html><html><title>Sign in</title></html>')],
  ['gzip', gzipSync(Buffer.alloc(1 << 16, 'weights'))],
  [
    'a pointer of Git LFS',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
  ],
] as const
const holding = (files: readonly string[]) =>
  files.flatMap(file =>
    others.map(
      ([what, bytes]) =>
        [`${what} as ${file}`, load('moe-f32', f => writeFileSync(join(f, file), bytes))] as const,
    ),
  )
const asGguf = others.map(
  ([what, bytes]) =>
    [
      `${what} as model.gguf`,
      async () => {
        await using _ = await loadModel(join(makeFolder({ 'model.gguf': bytes }), 'model.gguf'))
      },
    ] as const,
)

const downloadCases: Case[] = [
  ...rows(
    'DK-4',
    'invalid_file',
    holding([...['config.json', 'generation_config.json', 'tokenizer.json', 'model.safetensors']]),
  ),
  ...rows('DK-4', 'unsupported_format', asGguf),
]

/** The config alone, or the tensor that it does not fit. */
const contradicts = ['invalid_config', 'invalid_file']

const configCases: Case[] = [
  ...rows('CF-1', 'invalid_config', [
    ...sizes.flatMap(name => each(name, [0, -1, 1.5, '32', 1e9, true, [], {}])),
    text('[]'),
    text('null'),
  ]),
  ...rows('CF-1', 'invalid_file', [text(''), text('{'), text('['.repeat(1e6)), text('\0')]),
  ...rows('CF-2', contradicts, [
    ...each('num_attention_heads', [3, 5]),
    ...each('num_key_value_heads', [3, 8, 0, -1]),
    ...each('head_dim', [31, 7]),
    key({ hidden_size: 32 }),
    key({ hidden_size: 128 }),
  ]),
  ...rows('CF-3', contradicts, [...each('vocab_size', [310, 312, 100_000])]),
  ...rows('CF-3', 'ok', [
    ['a tokenizer of 257 ids for 311 rows', withToken(null)],
    ['a tokenizer of 311 ids', withToken(null, 310)],
    // Some published tokenizers have a token of another modality beyond the rows.
    ['an added token beyond the rows', withToken(311)],
    ['an added token far beyond', withToken(1_000_000)],
  ]),
  ...rows('CF-3', 'invalid_config', [
    ['words of 312 ids for 311 rows', withToken(null, 311)],
    ['a word far beyond', withToken(null, 1_000_000)],
  ]),
  ...rows('CF-4', contradicts, [
    ...each('num_experts_per_tok', [0, 9, -1, 1.5]),
    ...each('num_experts', [0, 1, 7, 9, 1e9]),
    ...each('moe_intermediate_size', [0, 16, 33]),
  ]),
  ...rows('CF-5', 'invalid_config', [
    ...each('rope_theta', [0, -1, '1e308', '1e6']),
    ...each('rms_norm_eps', [0, -1, '1']),
    ...each('max_position_embeddings', [0, -1, 2 ** 53]),
    ...each('sliding_window', [0, -1]),
    key({ rope_scaling: { type: 'linear', factor: 0 } }),
    key({ rope_scaling: { type: 'linear', factor: -1 } }),
    key({ rope_scaling: 'yarn' }),
  ]),
  ...rows('CF-6', 'unsupported_model', [
    ...each('model_type', ['mamba', 'constructor', '__proto__']),
    key({ auto_map: { AutoModelForCausalLM: 'x.Y' } }),
    key({ hidden_act: 'gelu' }),
    key({ rope_scaling: { type: 'dynamic', factor: 2 } }),
    key({ quantization_config: { quant_method: 'gptq', bits: 4 } }),
  ]),
  ...rows(
    'CF-7',
    ['invalid_file', 'invalid_config'],
    [
      key({ num_hidden_layers: 3 }),
      key({ num_hidden_layers: 1 }),
      key({ attention_bias: true }),
      key({ model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] }),
    ],
  ),
  ...rows(
    'CF-8',
    ['invalid_config', 'unsupported_model', 'invalid_file'],
    [
      ...[{}, { bits: 3 }, { bits: 0 }, { quant_method: 'fp8' }, { quant_method: 7 }, []].map(
        quantization_config => key({ quantization_config }),
      ),
    ],
  ),
  ...rows('CF-9', 'unsupported_format', [
    ...pickle(['pytorch_model.bin', 'model.pt', 'model.ckpt', 'model.pth', 'x.pkl'], opcode),
  ]),
  ...rows(
    'CF-9',
    ['unsupported_format', 'invalid_file'],
    [
      ...pickle(['model.safetensors', 'weights.safetensors'], zip),
      ...pickle(['a.safetensors'], opcode),
      [
        'a folder of that name',
        load('moe-f32', folder => {
          rmSync(join(folder, 'config.json'))
          mkdirSync(join(folder, 'config.json'))
        }),
      ],
    ],
  ),
]

export const folderCases: Case[] = [...indexCases, ...configCases, ...downloadCases]
