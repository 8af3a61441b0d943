/**
 * config.json → the numbers that a model is recorded from.
 * Nothing here allocates by a number of the file; every number is bounded before anyone else sees
 * it.
 * @module
 */
import { ConfigReader, isObject, shown } from './config-reader.ts'
import { parseQuantization, type QuantizationConfig } from './quantization-config.ts'
import { parseRope, type RopeConfig } from './rope-config.ts'
import { refuseUnsupportedKeys } from './unsupported-keys.ts'

export type { QuantizationConfig } from './quantization-config.ts'
export type { RopeConfig, RopeScaling } from './rope-config.ts'

/** The sparse feed-forward of a `qwen3_moe` model. */
export interface MoeConfig {
  readonly numExperts: number
  readonly numExpertsPerTok: number
  readonly moeIntermediateSize: number
  /** True: the k routing weights of a token are divided by their sum. */
  readonly normTopkProb: boolean
  /** Layer i is sparse where (i + 1) is a multiple of this and i is not in `mlpOnlyLayers`. */
  readonly decoderSparseStep: number
  readonly mlpOnlyLayers: readonly number[]
}

/**
 * A text model, with the names of config.json in camelCase and the defaults of transformers where a
 * key is absent.
 */
export interface ModelConfig {
  readonly modelType: 'qwen3_moe' | 'qwen3' | 'llama'
  /** Rows of the embedding; may be more than the tokenizer has ids. */
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly numKeyValueHeads: number
  /** Even; independent of hiddenSize / numAttentionHeads. */
  readonly headDim: number
  readonly rmsNormEps: number
  readonly maxPositionEmbeddings: number
  readonly tieWordEmbeddings: boolean
  readonly attentionBias: boolean
  readonly mlpBias: boolean
  /**
   * What the config says of the weights; the files themselves decide. Null where absent or another
   * type.
   */
  readonly dtype: 'f32' | 'f16' | 'bf16' | null
  readonly rope: RopeConfig
  /** How quantised matrices are stored; null in a checkpoint that is not quantised. */
  readonly quantization: QuantizationConfig | null
  /** Null in dense models. */
  readonly moe: MoeConfig | null
  readonly bosTokenId: number | null
  /**
   * Ids within the vocabulary; generation_config.json has the last word on which ids stop a reply.
   */
  readonly eosTokenIds: readonly number[]
}

type Defaults = Pick<
  ModelConfig,
  'vocabSize' | 'hiddenSize' | 'intermediateSize' | 'numHiddenLayers' | 'maxPositionEmbeddings'
> & { numKeyValueHeads: number | null; headDim: number | null; bos: number | null; eos: number[] }

// Defaults of the configuration classes of transformers 5. Null: derived from other keys.
const classDefaults: Record<ModelConfig['modelType'], Defaults> = {
  qwen3_moe: {
    vocabSize: 151_936,
    hiddenSize: 2048,
    intermediateSize: 6144,
    numHiddenLayers: 24,
    maxPositionEmbeddings: 32_768,
    numKeyValueHeads: 4,
    headDim: null,
    bos: null,
    eos: [],
  },
  qwen3: {
    vocabSize: 151_936,
    hiddenSize: 4096,
    intermediateSize: 22_016,
    numHiddenLayers: 32,
    maxPositionEmbeddings: 32_768,
    numKeyValueHeads: 32,
    headDim: 128,
    bos: null,
    eos: [],
  },
  llama: {
    vocabSize: 32_000,
    hiddenSize: 4096,
    intermediateSize: 11_008,
    numHiddenLayers: 32,
    maxPositionEmbeddings: 2048,
    numKeyValueHeads: null,
    headDim: null,
    bos: 1,
    eos: [2],
  },
}

/** Upper bounds, above every published model and far below what would overflow. */
export const configLimits = {
  vocabSize: 2 ** 24,
  hiddenSize: 2 ** 20,
  intermediateSize: 2 ** 22,
  numHiddenLayers: 1024,
  numAttentionHeads: 65_536,
  headDim: 65_536,
  numExperts: 4096,
  /** Of all layers together; published models have 23,000. */
  allExperts: 65_536,
  maxPositionEmbeddings: 2 ** 30,
} as const

const dtypes = new Map([
  ['float32', 'f32'],
  ['float16', 'f16'],
  ['bfloat16', 'bf16'],
] as const)

const upTo = (max: number) => ({ min: 1, max })
const anyInt = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }

/**
 * Reads and checks a parsed config.json.
 * @param raw - what JSON.parse gave; a `text_config` inside is used where there is one
 * Throws `invalid_config` naming key, value and expectation, or `unsupported_model`.
 * @example
 * parseModelConfig({ model_type: 'qwen3', num_hidden_layers: 28 }).headDim // 128
 */
export function parseModelConfig(raw: unknown): ModelConfig {
  const root = new ConfigReader(raw, 'config.json')
  const nested = isObject(root.get('text_config'))
  const config = nested
    ? new ConfigReader(root.get('text_config'), '"text_config" of config.json')
    : root
  const modelType = parseModelType(config, root)
  const defaults = classDefaults[modelType]
  const sizes = parseSizes(config, defaults)
  const { numHiddenLayers, maxPositionEmbeddings, vocabSize } = sizes
  for (const reader of new Set([root, config])) {
    refuseUnsupportedKeys(reader, modelType, numHiddenLayers, maxPositionEmbeddings)
  }
  const tied = config.has('tie_word_embeddings') ? config : root
  const quantized = ['quantization_config', 'compression_config'].some(key => config.has(key))
  const dtype = config.stringOrNull(config.spelling('dtype', 'torch_dtype'))
  return {
    modelType,
    ...sizes,
    rmsNormEps: config.number('rms_norm_eps', { min: 1e-30, max: 1 }, 1e-6),
    tieWordEmbeddings: tied.bool('tie_word_embeddings', false),
    attentionBias: config.bool('attention_bias', false),
    mlpBias: modelType === 'llama' && config.bool('mlp_bias', false),
    dtype: dtypes.get((dtype ?? '').replace(/^torch\./, '') as 'float32') ?? null,
    rope: parseRope(config, maxPositionEmbeddings),
    quantization: parseQuantization(quantized ? config : root),
    moe: modelType === 'qwen3_moe' ? parseMoe(config, numHiddenLayers) : null,
    ...parseTokenIds(config, vocabSize, defaults),
  }
}

function parseModelType(config: ConfigReader, root: ConfigReader): ModelConfig['modelType'] {
  const type = config.get('model_type')
  if (typeof type !== 'string') throw config.refuse('model_type', 'the name of an architecture')
  if (!Object.hasOwn(classDefaults, type)) {
    const remote = root.has('auto_map') ? ' Code that comes with a model is never run.' : ''
    throw config.unsupported(
      'model_type',
      `only ${Object.keys(classDefaults).join(', ')} are implemented.${remote}`,
    )
  }
  const classes = root.get('architectures') ?? []
  if (!Array.isArray(classes)) throw root.refuse('architectures', 'a list of class names')
  const head = /For(CausalLM|ConditionalGeneration)$/
  if (classes.length > 0 && !classes.some(name => typeof name === 'string' && head.test(name))) {
    const first = shown(classes[0])
    throw root.unsupported('architectures', `${first} is not a language model that writes text.`)
  }
  return type as ModelConfig['modelType']
}

function parseSizes(config: ConfigReader, defaults: Defaults) {
  const limits = configLimits
  const int = (key: string, max: number, fallback?: number) => config.int(key, upTo(max), fallback)
  const hiddenSize = int('hidden_size', limits.hiddenSize, defaults.hiddenSize)
  const heads = int('num_attention_heads', limits.numAttentionHeads, 32)
  // An explicit null means one key-value head for each head, an absent key the class default.
  const derivedHeads = config.get('num_key_value_heads') === null ? null : defaults.numKeyValueHeads
  const kvHeads = int('num_key_value_heads', limits.numAttentionHeads, derivedHeads ?? heads)
  if (heads % kvHeads !== 0) {
    throw config.refuse('num_key_value_heads', `a divisor of num_attention_heads (${heads})`)
  }
  const derivedDim = config.get('head_dim') === null ? null : defaults.headDim
  if (!config.has('head_dim') && derivedDim === null && hiddenSize % heads !== 0) {
    throw config.refuse('num_attention_heads', `a divisor of hidden_size (${hiddenSize})`)
  }
  const headDim = int('head_dim', limits.headDim, derivedDim ?? hiddenSize / heads)
  if (headDim % 2 !== 0) {
    throw config.refuse('head_dim', `even (it comes to ${headDim}): rotary positions rotate pairs`)
  }
  const layers = limits.numHiddenLayers
  const positions = limits.maxPositionEmbeddings
  return {
    vocabSize: int('vocab_size', limits.vocabSize, defaults.vocabSize),
    hiddenSize,
    intermediateSize: int('intermediate_size', limits.intermediateSize, defaults.intermediateSize),
    numHiddenLayers: int('num_hidden_layers', layers, defaults.numHiddenLayers),
    numAttentionHeads: heads,
    numKeyValueHeads: kvHeads,
    headDim,
    maxPositionEmbeddings: int(
      'max_position_embeddings',
      positions,
      defaults.maxPositionEmbeddings,
    ),
  }
}

function parseMoe(config: ConfigReader, layers: number): MoeConfig {
  const expertsKey = config.spelling('num_experts', 'num_local_experts')
  const numExperts = config.int(expertsKey, upTo(configLimits.numExperts), 128)
  // Each is three weights to record, wherever a file of a few bytes may claim them.
  const most = Math.floor(configLimits.allExperts / layers)
  if (numExperts > most) throw config.refuse(expertsKey, `at most ${most} for ${layers} layers`)
  return {
    numExperts,
    numExpertsPerTok: config.int('num_experts_per_tok', upTo(numExperts), 8),
    moeIntermediateSize: config.int(
      'moe_intermediate_size',
      upTo(configLimits.intermediateSize),
      768,
    ),
    normTopkProb: config.bool('norm_topk_prob', false),
    decoderSparseStep: config.int('decoder_sparse_step', upTo(65_536), 1),
    mlpOnlyLayers: config.ints('mlp_only_layers', { min: 0, max: 65_536 }),
  }
}

function parseTokenIds(config: ConfigReader, vocabSize: number, defaults: Defaults) {
  // An id outside the vocabulary can never be produced: tiny test models keep the ids of their
  // parents.
  const known = (id: number) => id >= 0 && id < vocabSize
  const bos = config.has('bos_token_id') ? config.int('bos_token_id', anyInt) : null
  const absent = (key: string) => config.get(key) === undefined
  const bosId = absent('bos_token_id') ? defaults.bos : bos
  const eosIds = absent('eos_token_id') ? defaults.eos : config.ints('eos_token_id', anyInt)
  return {
    bosTokenId: bosId !== null && known(bosId) ? bosId : null,
    eosTokenIds: [...new Set(eosIds)].filter(known),
  }
}
