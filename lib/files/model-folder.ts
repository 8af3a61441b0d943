/**
 * A Hugging Face model folder as plain, checked data. Weights are named here and opened by native
 * code.
 * @module
 */
import { resolve } from 'node:path'
import { ConclaveError } from '../errors.ts'
import { type ModelConfig, parseModelConfig } from './config.ts'
import { isObject } from './config-reader.ts'
import { type GenerationConfig, parseGenerationConfig } from './generation-config.ts'
import { isGgufPath, openGguf } from './gguf.ts'
import { type Folder, fileLimits, openFolder, readJson, readText } from './read-file.ts'
import { plainLayout, type TensorLayout } from './tensor-layout.ts'
import { findWeightFiles, type WeightFiles } from './weight-files.ts'

/** The parsed files that text needs; their content is checked by the tokenizer. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: unknown
  /** tokenizer_config.json, or an empty object. */
  readonly tokenizerConfig: unknown
  /** Jinja source of the default chat template; null where the model has none. */
  readonly chatTemplate: string | null
}

/** What a folder says about its model, the tokenizer not read yet: it may be megabytes of text. */
export interface ModelFiles extends WeightFiles {
  /** Absolute. */
  readonly path: string
  readonly config: ModelConfig
  /** config.json as parsed, not checked. */
  readonly rawConfig: unknown
  readonly generation: GenerationConfig
  /** Names and rows of the weights as the files have them. */
  readonly layout: TensorLayout
  /** Null in a folder without tokenizer.json: such a model takes token ids. */
  readTokenizer(): Promise<TokenizerFiles | null>
}

export interface ModelFolder extends ModelFiles {
  readonly tokenizer: TokenizerFiles | null
}

/**
 * Reads everything but the weights of a folder, or of a GGUF file (the first one of several parts).
 *
 * Throws `io_error` where the folder, config.json or weights are absent, `invalid_config`,
 * `unsupported_model`,
 * `unsupported_format`, `missing_shard`, `path_forbidden` or `invalid_file`.
 * @example
 * const { config, weightFiles } = await openModelFolder('./Qwen3-0.6B')
 */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const files = await openModelFiles(path)
  return { ...files, tokenizer: await files.readTokenizer() }
}

/** The same but for the tokenizer, which may be read beside other work. */
export async function openModelFiles(path: string): Promise<ModelFiles> {
  if (await isGgufPath(resolve(path))) return openGguf(resolve(path))
  const folder = await openFolder(resolve(path))
  const rawConfig = await readJson(folder, 'config.json', fileLimits.config)
  if (rawConfig === undefined) throw await noConfig(folder)
  const config = parseModelConfig(rawConfig)
  const generation = await readJson(folder, 'generation_config.json', fileLimits.config)
  return {
    path: folder.path,
    config,
    rawConfig,
    generation: parseGenerationConfig(generation ?? null, config),
    ...(await findWeightFiles(folder)),
    layout: plainLayout,
    readTokenizer: () => readTokenizer(folder),
  }
}

/** The error for a folder without config.json: what the weights are in may explain it. */
async function noConfig(folder: Folder): Promise<ConclaveError> {
  try {
    await findWeightFiles(folder)
  } catch (error) {
    if (error instanceof ConclaveError && error.code === 'unsupported_format') return error
  }
  return new ConclaveError(
    'io_error',
    `Expected config.json in ${folder.path}, but there is none. Give the folder of a Hugging ` +
      'Face model.',
    { path: folder.path },
  )
}

async function readTokenizer(folder: Folder): Promise<TokenizerFiles | null> {
  const tokenizer = await readJson(folder, 'tokenizer.json', fileLimits.tokenizer)
  if (tokenizer === undefined) return null
  const tokenizerConfig = (await readJson(folder, 'tokenizer_config.json', fileLimits.config)) ?? {}
  return { tokenizer, tokenizerConfig, chatTemplate: await readTemplate(folder, tokenizerConfig) }
}

/** Its own file wins over the key in tokenizer_config.json, as in transformers. */
async function readTemplate(folder: Folder, tokenizerConfig: unknown): Promise<string | null> {
  const jinja = await readText(folder, 'chat_template.jinja', fileLimits.template)
  if (jinja !== null) return jinja
  const json = await readJson(folder, 'chat_template.json', fileLimits.config)
  for (const holder of [json, tokenizerConfig]) {
    const template = isObject(holder) ? holder.chat_template : undefined
    if (typeof template === 'string') return bounded(template)
    if (Array.isArray(template)) return bounded(defaultOf(template))
  }
  return null
}

/**
 * A list holds named templates; the one called default is for chats without tools, and for all
 * where it stands alone.
 */
function defaultOf(templates: readonly unknown[]): string | null {
  const named = templates.filter(isObject)
  const chosen = named.find(entry => entry.name === 'default') ?? named[0]
  return typeof chosen?.template === 'string' ? chosen.template : null
}

function bounded(template: string | null): string | null {
  if (template === null || template.length <= fileLimits.template) return template
  throw new ConclaveError(
    'invalid_file',
    `Expected a chat template of at most ${fileLimits.template} characters, but it has ` +
      `${template.length}.`,
  )
}
