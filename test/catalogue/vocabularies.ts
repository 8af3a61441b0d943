/** Vocabularies, metadata and GGUF headers as large as they may be, and larger: GG-2, GG-8, GG-9, TK-3. */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { makeFolder } from '../files/folder.ts'
import {
  f32Tensor,
  type GgufBytes,
  ggufFile,
  keysWith,
  list,
  tinyTensors,
  value,
} from '../files/gguf-writer.ts'
import { smallFixture } from '../tokenizer/small.ts'
import { type Case, rows } from './case.ts'

const largest = 2 ** 19
const texts = (count: number, make: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i))

/** Opens a file and builds its tokenizer as a load does; the file is made once. */
const opened = (make: () => string) => {
  let path: string | undefined
  return async () => {
    path ??= make()
    const { tokenizer } = await openModelFolder(path)
    if (tokenizer !== null) await ModelTokenizer.fromFilesInSlices(tokenizer)
  }
}

type Changes = Record<string, GgufBytes | null>
const withKeys = (changes: () => Changes) =>
  opened(() => ggufFile(keysWith(changes()), tinyTensors))

interface Words {
  tokens: string[]
  merges?: string[]
  type?: number
}
const withTokens = (make: () => Words) =>
  opened(() => {
    const { tokens, merges = [], type = 1 } = make()
    const changes: Changes = {
      'tokenizer.ggml.tokens': list('string', tokens),
      'tokenizer.ggml.token_type': list('i32', new Array(tokens.length).fill(type)),
      'tokenizer.ggml.merges': list('string', merges),
      'tokenizer.ggml.eos_token_id': value('u32', 0),
    }
    return ggufFile(keysWith(changes), [f32Tensor('token_embd.weight', [tokens.length, 4])])
  })

/** Characters, then pairs of them, each with its merge. */
function pairs(count: number): Words {
  const letters = texts(Math.ceil(Math.sqrt(count)), i => String.fromCharCode(0x100 + i))
  const tokens = [...letters]
  const merges: string[] = []
  for (let i = 0; tokens.length < count; i++) {
    const left = letters[Math.floor(i / letters.length)]!
    const right = letters[i % letters.length]!
    tokens.push(left + right)
    merges.push(`${left} ${right}`)
  }
  return { tokens, merges }
}

/** A file whose only key is a text of so many zeros, which the disk need not hold. */
const longText = (bytes: number) =>
  opened(() => {
    const path = join(makeFolder(), 'model.gguf')
    const head = Buffer.alloc(45)
    head.write('GGUF')
    head.writeUInt32LE(3, 4)
    head.writeBigUInt64LE(1n, 16)
    head.writeBigUInt64LE(1n, 24)
    head.write('k', 32)
    head.writeUInt32LE(8, 33)
    head.writeBigUInt64LE(BigInt(bytes), 37)
    writeFileSync(path, head)
    truncateSync(path, Math.ceil((head.length + bytes) / 32) * 32)
    return path
  })

/** Builds a tokenizer of these added tokens, and encodes `text` with them where it is given. */
const added = (make: () => string[], text?: () => string) => {
  let tokens: object[] | undefined
  return async () => {
    tokens ??= make().map((content, i) => ({ id: 1000 + i, content, special: true }))
    const file = { ...(smallFixture.digits!.tokenizer as object), added_tokens: tokens }
    const tokenizer = await ModelTokenizer.fromFilesInSlices({ tokenizer: file })
    if (text !== undefined) await tokenizer.encodeInSlices(text(), { controlTokens: true })
  }
}

const named = (count: number) => () => texts(count, i => `<|${i}|>`)
const long = (count: number, length: number) => () =>
  texts(count, i => `${i}`.padEnd(length, `x${i}`))

/** A file of so many tensors, the embedding among them. */
const tensors = (count: number) =>
  opened(() => {
    const more = texts(count - tinyTensors.length, i => `blk.0.t${i}`)
    return ggufFile(keysWith({}), [...tinyTensors, ...more.map(name => f32Tensor(name, [1]))])
  })

export const vocabularyCases: Case[] = [
  ...rows('GG-2', 'ok', [['131,072 tensors', tensors(2 ** 17)]]),
  ...rows('GG-2', 'invalid_file', [['131,073 tensors', tensors(2 ** 17 + 1)]]),
  ...rows('GG-8', 'ok', [
    [
      '65,000 keys',
      withKeys(() =>
        Object.fromEntries(texts(65_000, i => `k${i}`).map(key => [key, value('string', key)])),
      ),
    ],
    [
      'ten arrays of 2^20 texts that nobody asks for',
      withKeys(() =>
        Object.fromEntries(
          texts(10, i => `k${i}`).map(key => [key, list('string', new Array(2 ** 20).fill(''))]),
        ),
      ),
    ],
  ]),
  ...rows('GG-8', 'invalid_file', [['a header of 100,000,001 bytes', longText(100_000_001 - 45)]]),
  ...rows('GG-8', 'invalid_config', [
    ['a header of 100,000,000 bytes, and no architecture', longText(100_000_000 - 45)],
    [
      'an architecture of 5 MiB',
      withKeys(() => ({ 'general.architecture': value('string', 'x'.repeat(5 * 2 ** 20)) })),
    ],
  ]),
  ...rows('GG-9', 'ok', [
    ['524,288 tokens, all but 725 of them merged', withTokens(() => pairs(largest))],
    [
      '524,288 tokens that are numbers',
      withTokens(() => ({ tokens: texts(largest, i => `${8000 * i}`) })),
    ],
    ['65,536 control tokens', withTokens(() => ({ tokens: named(2 ** 16)(), type: 3 }))],
  ]),
  ...rows('GG-9', 'invalid_file', [
    ['524,289 tokens', withTokens(() => ({ tokens: texts(largest + 1, i => `${i}`) }))],
    [
      'a token of more than 1 MiB',
      withTokens(() => ({ tokens: ['a', `${'é'.repeat(2 ** 19)}b`] })),
    ],
    [
      '2^20 merges of one token',
      withTokens(() => ({ tokens: ['a', 'aa'], merges: new Array(2 ** 20).fill('a a') })),
    ],
  ]),
  ...rows('TK-3', 'ok', [['131,072 added tokens', added(named(2 ** 17))]]),
  ...rows('TK-3', 'invalid_file', [
    ['131,073 added tokens', added(named(2 ** 17 + 1))],
    ['an added token of 257 characters', added(long(1, 257))],
    ['added tokens of 2^21 characters and 256', added(long(2 ** 13 + 1, 256))],
  ]),
  ...rows('TK-6', 'ok', [
    ['added tokens of 2^21 characters', added(long(2 ** 13, 256))],
    [
      'a long text that is nearly an added token at each place',
      added(
        () => [`${'a'.repeat(255)}b`],
        () => 'a'.repeat(2 ** 18),
      ),
    ],
  ]),
]
