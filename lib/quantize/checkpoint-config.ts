/**
 * The small files of a quantised checkpoint: config.json with what was done, and all that the
 * source has beside its weights.
 * @module
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { ConclaveError } from '../errors.ts'
import { isObject } from '../files/config-reader.ts'
import type { ModelFolder } from '../files/model-folder.ts'
import { fileLimits, openFolder, resolveFile } from '../files/read-file.ts'

/** Files that people and tokenizers read; weights and their index are not among them. */
const carried = /(\.(json|jinja|txt|md|model)|^(LICENSE|NOTICE)[^.]*)$/i
const replaced = /^config\.json$|\.index\.json$/

/** `quantization_config` as compressed-tensors has it. */
export function quantizationConfig(group: number, ignored: readonly string[]): object {
  const weights = {
    num_bits: 8,
    type: 'int',
    symmetric: true,
    group_size: group === 0 ? null : group,
    strategy: group === 0 ? 'channel' : 'group',
    block_structure: null,
    dynamic: false,
    actorder: null,
    observer: 'mse',
    observer_kwargs: {},
  }
  const scheme = { input_activations: null, output_activations: null, format: 'int-quantized' }
  return {
    quant_method: 'compressed-tensors',
    format: 'int-quantized',
    quantization_status: 'compressed',
    global_compression_ratio: null,
    kv_cache_scheme: null,
    config_groups: { group_0: { targets: ['Linear', 'Embedding'], weights, ...scheme } },
    ignore: ignored,
  }
}

export function checkpointConfig(folder: ModelFolder, quantization: object): object {
  const raw = isObject(folder.rawConfig) ? { ...folder.rawConfig } : {}
  // What an older scheme said of the source is no longer so.
  for (const key of ['quantization_config', 'compression_config']) delete raw[key]
  return { ...raw, quantization_config: quantization }
}

/** Name and bytes of each file to carry over, one at a time. */
export async function* carriedFiles(folder: ModelFolder): AsyncGenerator<[string, Uint8Array]> {
  if (!(await stat(folder.path)).isDirectory()) return yield* filesOfGguf(folder)
  const source = await openFolder(folder.path)
  for (const name of (await readdir(folder.path)).sort()) {
    if (!carried.test(name) || replaced.test(name)) continue
    const path = await resolveFile(source, name).catch(notRegular)
    if (path === null) continue
    const { size } = await stat(path)
    if (size > fileLimits.tokenizer) throw tooLarge(path, size)
    yield [name, await readFile(path)]
  }
}

/** A folder called `notes.json` is nothing to carry; a link out of the model is refused. */
function notRegular(error: unknown): null {
  if (error instanceof ConclaveError && error.code === 'invalid_file') return null
  throw error
}

function* filesOfGguf({ tokenizer }: ModelFolder): Generator<[string, Uint8Array]> {
  if (tokenizer === null) return
  const json = (value: unknown) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
  yield ['tokenizer.json', json(tokenizer.tokenizer)]
  yield ['tokenizer_config.json', json(tokenizer.tokenizerConfig)]
  if (tokenizer.chatTemplate !== null)
    yield ['chat_template.jinja', Buffer.from(tokenizer.chatTemplate)]
}

const tooLarge = (path: string, size: number) =>
  new ConclaveError(
    'invalid_file',
    `Expected ${path} to have at most ${fileLimits.tokenizer} bytes, but it has ${size}.`,
    { path, limit: fileLimits.tokenizer, actual: size },
  )
