import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkLoadOptions } from '../../lib/engine/load-options.ts'
import { openModel } from '../../lib/engine/open.ts'
import { type LoadOptions, loadModel } from '../../lib/index.ts'
import { addon, needs, root } from './needs.ts'

const folder = join(root, 'test/golden/moe-f32')

describe('loadModel', () => {
  needs(addon, 'dist/index.mjs')

  it('says what it loaded', async () => {
    await using model = await loadModel(folder, { maxContext: 100 })
    expect(Object.keys(model.info)).toEqual([
      'architecture',
      'parametersTotal',
      'parametersActive',
      'weights',
      'weightBytes',
      'kvCache',
      'device',
      'deviceReason',
      'kernels',
      'threads',
      'maxContext',
      'vocabSize',
      'layers',
      'experts',
      'expertsPerToken',
    ])
    expect(model.info).toMatchObject({ architecture: 'qwen3_moe', weights: 'f32', kvCache: 'f32' })
    expect(model.info).toMatchObject({ device: 'cpu', maxContext: 100 })
    expect(model.info.deviceReason).not.toBe('')
    expect(model.tokenizer).toBeNull()
  })

  it('keeps keys and values in bf16 unless the weights are f32', async () => {
    await using bf16 = await loadModel(folder, { weights: 'bf16' })
    expect([bf16.info.weights, bf16.info.kvCache]).toEqual(['bf16', 'bf16'])
    await using both = await loadModel(folder, { weights: 'f32', kvCache: 'bf16' })
    expect([both.info.weights, both.info.kvCache]).toEqual(['f32', 'bf16'])
  })

  it('takes int8 keys and values where they are asked for, with the pages that they need', async () => {
    const options = { kvPages: 10, pageSize: 32, maxBatchTokens: 64 }
    const open = async (kvCache: 'f32' | 'int8') => {
      const opened = await openModel(folder, checkLoadOptions({ ...options, kvCache }))
      opened.store.close()
      return opened
    }
    const [wide, narrow] = [await open('f32'), await open('int8')]
    const { numHiddenLayers, numKeyValueHeads, headDim } = narrow.folder.config
    const rows = 10 * 32 * numHiddenLayers * numKeyValueHeads * 2
    expect(wide.plan.kvBytes).toBe(rows * headDim * 4)
    expect(narrow.plan.kvBytes).toBe(rows * (headDim + 4))
    await using model = await loadModel(folder, { weights: 'bf16', kvCache: 'int8' })
    expect(model.info).toMatchObject({ weights: 'bf16', kvCache: 'int8' })
  })

  const refused: [string, unknown, string][] = [
    ['an unknown option', { wieghts: 'f32' }, 'invalid_request'],
    ['an unknown format', { weights: 'int3' }, 'invalid_request'],
    ['no threads', { threads: 0 }, 'invalid_request'],
    ['half a thread', { threads: 1.5 }, 'invalid_request'],
    ['a page size that is no multiple of 16', { pageSize: 24 }, 'invalid_request'],
    ['a context beyond the model', { maxContext: 2 ** 30 }, 'invalid_request'],
    ['a batch of nothing', { maxBatchTokens: 0 }, 'invalid_request'],
    ['a text where a flag is due', { validate: 'yes' }, 'invalid_request'],
    ['a number where a flag is due', { deterministic: 0 }, 'invalid_request'],
    ['a signal that is none', { signal: {} }, 'invalid_request'],
    ['a callback that is none', { onProgress: 1 }, 'invalid_request'],
    ['a GPU', { device: 'cuda' }, 'gpu_unavailable'],
    ['more pages than memory holds', { kvPages: 2 ** 29 }, 'insufficient_memory'],
    ['a signal that is aborted', { signal: AbortSignal.abort() }, 'aborted'],
  ]
  it.each(refused)('refuses %s', async (_, options, code) => {
    await expect(loadModel(folder, options as LoadOptions)).rejects.toMatchObject({ code })
  })

  it.each([
    ['', 'invalid_request'],
    [7, 'invalid_request'],
    ['/nowhere/at/all', 'io_error'],
  ])('refuses the source %j', async (source, code) => {
    await expect(loadModel(source as string)).rejects.toMatchObject({ code })
  })

  it('stops at its signal', async () => {
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    const load = loadModel(folder, { weights: 'bf16', signal: controller.signal, onProgress })
    await expect(load).rejects.toMatchObject({ code: 'aborted' })
  })

  it('rejects with what the progress callback throws', async () => {
    const onProgress = () => {
      throw new Error('mine')
    }
    await expect(loadModel(folder, { onProgress })).rejects.toThrow('mine')
  })

  it('lets the process end by itself, disposed or not', () => {
    for (const dispose of ['', 'await model.dispose()']) {
      const script = `
        import { loadModel } from ${JSON.stringify(join(root, 'dist/index.mjs'))}
        const model = await loadModel(${JSON.stringify(folder)})
        const answer = model.generate([1, 2], { maxTokens: 3, ignoreEos: true })
        console.log((await answer.result()).tokenIds.length)
        ${dispose}`
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        timeout: 30_000,
      })
      expect([run.status, run.stdout, run.stderr]).toEqual([0, '3\n', ''])
    }
  })

  it('frees what it took: twenty loads leave the memory where it was', async () => {
    const rss: number[] = []
    for (let i = 0; i < 20; i++) {
      const model = await loadModel(folder, { maxContext: 2048, kvPages: 2048 })
      await model.generate([1, 2, 3], { maxTokens: 4 }).result()
      await model.dispose()
      rss.push(process.memoryUsage.rss())
    }
    expect(rss[19]! - rss[5]!).toBeLessThan(32 * 2 ** 20)
  })
})
