import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { resolveModel } from '../../lib/files/hub.ts'
import { hubCacheFolder, parseHubId } from '../../lib/files/hub-cache.ts'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { makeFolder, thrown, tinyConfig, tinyWeights } from './folder.ts'
import { commit, HubServer } from './hub-server.ts'

const weights = Buffer.alloc(3_000_000, 'weights ')
const files = {
  'config.json': JSON.stringify(tinyConfig),
  'tokenizer.json': '{}',
  'model.safetensors': weights,
  'pytorch_model.bin': 'pickle',
  'README.md': 'text',
  'onnx/model.onnx': 'other',
  'original/params.json': '{}',
}

const html = Buffer.from('<!DOCTYPE html><title>Sign in</title>'.padEnd(weights.length))

let hub: HubServer
let cacheFolder: string
beforeEach(async () => {
  vi.stubEnv('HF_TOKEN', '')
  vi.stubEnv('HF_HUB_OFFLINE', '')
  hub = await new HubServer(files).listen()
  cacheFolder = makeFolder()
})
afterEach(() => {
  hub.close()
  vi.unstubAllEnvs()
  expect(openInCache(), 'open files after a download, whatever came of it').toEqual([])
})

/** Files of the cache that this process holds open; where the system does not say, none. */
function openInCache(): string[] {
  const folder = '/proc/self/fd'
  const target = (descriptor: string) => {
    try {
      return readlinkSync(join(folder, descriptor))
    } catch {
      return '' // the one that lists them
    }
  }
  const all = existsSync(folder) ? readdirSync(folder).map(target) : []
  return all.filter(path => path.startsWith(cacheFolder))
}
const resolve = (options: object = {}, id = 'tiny/model') =>
  resolveModel(id, { hubUrl: hub.url, cacheFolder, ...options })
const repository = () => join(cacheFolder, 'models--tiny--model')

describe('ids and folders', () => {
  test.each<[string, string | null, string?]>([
    ['Qwen/Qwen3-0.6B', 'Qwen/Qwen3-0.6B', 'main'],
    ['Qwen/Qwen3-0.6B@v1.0', 'Qwen/Qwen3-0.6B', 'v1.0'],
    ['a/b@refs/pr/3', 'a/b', 'refs/pr/3'],
    ['model', null],
    ['./a/b', null],
    ['../b', null],
    ['/a/b', null],
    ['a/b/c', null],
    ['a\\b', null],
    ['a/..', null],
    ['a/b@../c', null],
    ['a/b@x/../y', null],
    ['a--b/c', null],
    ['https://host/a', null],
    ['a/b\0', null],
  ])('%j', (id, name, revision) => {
    expect(parseHubId(id)).toEqual(name === null ? null : { name, revision })
  })

  test.each<[string, NodeJS.ProcessEnv, RegExp]>([
    ['HF_HUB_CACHE', { HF_HUB_CACHE: '/c', HF_HOME: '/h' }, /^\/c$/],
    ['HUGGINGFACE_HUB_CACHE', { HUGGINGFACE_HUB_CACHE: '/c' }, /^\/c$/],
    ['HF_HOME', { HF_HOME: '/h' }, /^\/h\/hub$/],
    ['XDG_CACHE_HOME', { XDG_CACHE_HOME: '/x' }, /^\/x\/huggingface\/hub$/],
    ['the home folder', {}, /\/\.cache\/huggingface\/hub$/],
  ])('the cache is found by %s', (_, env, want) => {
    expect(hubCacheFolder(env)).toMatch(want)
  })

  test('an existing folder wins', async () => {
    const folder = makeFolder({ 'config.json': tinyConfig })
    expect(await resolve({}, folder)).toBe(folder)
    expect(hub.asked).toEqual([])
  })

  test.each([
    ['./nowhere/at/all', 'nowhere'],
    ['nowhere', 'owner/name'],
    ['a\0b', 'NUL'],
  ])('%j is named', async (id, part) => {
    const error = await thrown(() => resolve({}, id))
    expect([error.code, error.message.includes(part)]).toEqual([
      id.includes('\0') ? 'path_forbidden' : 'io_error',
      true,
    ])
  })
})

describe('download', () => {
  test('what the model needs, in the layout of the standard cache', async () => {
    const folder = await resolve()
    expect(folder).toBe(join(repository(), 'snapshots', commit))
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ])
    expect(readlinkSync(join(folder, 'model.safetensors'))).toMatch(
      /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/,
    )
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
    expect(readFileSync(join(repository(), 'refs/main'), 'utf8')).toBe(commit)
    expect(readdirSync(join(repository(), 'blobs')).some(n => n.includes('incomplete'))).toBe(false)
    expect((await openModelFolder(folder)).config.modelType).toBe('qwen3')
  })

  test('once: the second call asks nothing', async () => {
    const folder = await resolve()
    hub.asked.length = 0
    expect(await resolve()).toBe(folder)
    expect(await resolve({}, `tiny/model@${commit}`)).toBe(folder)
    expect(hub.asked).toEqual([])
  })

  test('the shards of an index, and no other weights', async () => {
    hub.files.delete('model.safetensors')
    const weight_map = { a: '1.safetensors', b: '2.safetensors' }
    hub.files.set('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map })))
    for (const name of ['1', '2', 'consolidated'])
      hub.files.set(`${name}.safetensors`, tinyWeights(name))
    const folder = await openModelFolder(await resolve())
    expect(folder.weightFiles.length).toBe(2)
    expect(readdirSync(folder.path)).not.toContain('consolidated.safetensors')
  })

  test('bytes are counted up to the total', async () => {
    const seen: { doneBytes: number; totalBytes: number }[] = []
    await resolve({ onProgress: (p: { doneBytes: number; totalBytes: number }) => seen.push(p) })
    const total = weights.length + files['config.json'].length + 2
    expect(seen.at(-1)).toEqual({ phase: 'download', doneBytes: total, totalBytes: total })
    expect(seen.every((p, i) => i === 0 || p.doneBytes >= seen[i - 1]!.doneBytes)).toBe(true)
  })

  test('nothing is printed', async () => {
    const calls = (['log', 'info', 'debug', 'warn'] as const).map(m => vi.spyOn(console, m))
    await resolve()
    expect(calls.map(call => call.mock.calls.length)).toEqual([0, 0, 0, 0])
  })

  test('the token goes to the Hub, and to no other host', async () => {
    const other = await new HubServer({}).listen()
    hub.faults = { token: 'secret' }
    await resolve({ token: 'secret' })
    hub.faults = { token: 'secret', elsewhere: other.url }
    await thrown(() => resolve({ token: 'secret', cacheFolder: makeFolder() }))
    expect(other.asked.map(({ authorization }) => authorization)).toEqual([undefined])
    other.close()
  })
})

describe('cut and resumed', () => {
  test('a connection that breaks is resumed where it broke', async () => {
    hub.faults = { cut: { bytes: 1_000_000, times: 2 } }
    const folder = await resolve()
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
    const ranges = hub.downloads().flatMap(({ range }) => range ?? [])
    expect(ranges.length).toBe(2)
    expect(ranges.every(range => /^bytes=[1-9]\d*-$/.test(range))).toBe(true)
  })

  test('an incomplete file of an earlier process is continued', async () => {
    hub.faults = { cut: { bytes: 700_000, times: 99 } }
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    expect((await thrown(() => resolve({ signal: controller.signal, onProgress }))).code).toBe(
      'aborted',
    )
    const [incomplete] = readdirSync(join(repository(), 'blobs')).filter(n =>
      n.endsWith('.incomplete'),
    )
    const path = join(repository(), 'blobs', incomplete as string)
    writeFileSync(path, weights.subarray(0, 500_000))
    hub.faults = {}
    hub.asked.length = 0
    const folder = await resolve()
    expect(hub.downloads().map(({ range }) => range)).toEqual(['bytes=500000-'])
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
  })

  test('a server without ranges sends the whole again', async () => {
    hub.faults = { cut: { bytes: 1_000_000, times: 1 }, ignoreRange: true }
    const folder = await resolve()
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true)
  })

  test('an incomplete file with other bytes is found by its hash and dropped', async () => {
    const folder = await resolve()
    const blob = readlinkSync(join(folder, 'model.safetensors')).split('/').at(-1) as string
    cacheFolder = makeFolder()
    mkdirSync(join(repository(), 'blobs'), { recursive: true })
    writeFileSync(join(repository(), 'blobs', `${blob}.incomplete`), 'wrong')
    expect((await thrown(() => resolve())).code).toBe('hash_mismatch')
    expect(readFileSync(join(await resolve(), 'model.safetensors')).equals(weights)).toBe(true)
  })

  test('a connection that never brings more than a byte is given up', async () => {
    hub.faults = { cut: { bytes: 1, times: 99 } }
    const error = await thrown(() => resolve())
    expect(['io_error', 'hash_mismatch']).toContain(error.code)
    expect(hub.downloads().length).toBe(5)
    expect(existsSync(join(repository(), 'refs'))).toBe(false)
  }, 20_000)

  test.each<[string, object]>([
    ['a changed byte', { corrupt: true }],
    ['a byte too many', { longer: true }],
    ['a body without end', { endless: true }],
    ['a page of HTML', { page: html }],
    ['the file as gzip that does not say so', { page: gzipSync(weights) }],
    [
      'gzip that unpacks to ninety times as much',
      { page: gzipSync(Buffer.alloc(1 << 28)), encoding: 'gzip' },
    ],
  ])('%s is hash_mismatch, and nothing becomes visible', async (_, faults) => {
    hub.faults = faults
    expect((await thrown(() => resolve())).code).toBe('hash_mismatch')
    expect(existsSync(join(repository(), 'snapshots', commit, 'model.safetensors'))).toBe(false)
    hub.faults = {}
    expect(existsSync(join(await resolve(), 'model.safetensors'))).toBe(true)
  })
})

test('a file that arrives as gzip and says so is unpacked', async () => {
  hub.faults = { page: gzipSync(weights), encoding: 'gzip' }
  expect(readFileSync(join(await resolve(), 'model.safetensors')).equals(weights)).toBe(true)
})

describe('errors', () => {
  test('an aborted signal', async () => {
    expect((await thrown(() => resolve({ signal: AbortSignal.abort() }))).code).toBe('aborted')
  })

  test('no network: says so and names the folders', async () => {
    const error = await thrown(() => resolve({ hubUrl: 'http://127.0.0.1:9' }))
    expect(error.code).toBe('io_error')
    for (const part of ['no network', repository(), join(process.cwd(), 'tiny/model')]) {
      expect(error.message).toContain(part)
    }
  })

  test('HF_HUB_OFFLINE asks nothing', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    const error = await thrown(() => resolve())
    expect([error.code, error.message.includes('HF_HUB_OFFLINE')]).toEqual(['io_error', true])
    expect(hub.asked).toEqual([])
  })

  test.each([
    [401, 'HF_TOKEN'],
    [403, 'HF_TOKEN'],
    [404, 'spelling'],
    [500, '500'],
    [503, '503'],
  ])('status %i', async (status, part) => {
    hub.faults = { status }
    const error = await thrown(() => resolve())
    expect([error.code, error.message.includes(part)]).toEqual(['io_error', true])
  })

  test('a repository without safetensors', async () => {
    hub.files.delete('model.safetensors')
    expect((await thrown(() => resolve())).code).toBe('unsupported_format')
  })

  test('a cache that cannot be written', async () => {
    const file = join(makeFolder({ file: 'x' }), 'file')
    const error = await thrown(() => resolve({ cacheFolder: file }))
    expect([error.code, error.message.includes('no network')]).toEqual(['io_error', false])
  })

  test('names that leave the snapshot are not written', async () => {
    hub.files.set('../../evil.json', Buffer.from('x'))
    hub.files.set('sub/config.json', Buffer.from('x'))
    const folder = await resolve()
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ])
    expect(hub.downloads().some(({ path }) => path.includes('evil'))).toBe(false)
  })
})
