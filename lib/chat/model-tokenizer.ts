/**
 * What `model.tokenizer` is: text, ids and the chat template together.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type DecodeOptions, type EncodeOptions, Tokenizer } from '../tokenizer/tokenizer.ts'
import { Text } from './marked-text.ts'
import { CallerValues, type ChatMessage, invalid, type ToolDefinition } from './messages.ts'
import {
  hasThoughts,
  type ReplyFormat,
  replyFormat,
  type ThinkingStart,
  thinkingStart,
} from './reply-format.ts'
import { ChatTemplate } from './template.ts'
import type { Value } from './values.ts'

export interface ChatTemplateOptions {
  /** Functions that the model may call. */
  tools?: ToolDefinition[]
  /** Ends the prompt where the assistant's answer begins. Default true. */
  addGenerationPrompt?: boolean
  /** Variables of the template, such as `{ enable_thinking: false }`. */
  templateOptions?: Record<string, unknown>
}

/** A prompt as text, and as the ids that the model reads. */
export interface RenderedChat {
  text: string
  ids: Uint32Array
}

/** The parsed files; `chatTemplate` is the text of chat_template.jinja where there is one. */
export interface ModelTokenizerFiles {
  tokenizer: unknown
  tokenizerConfig?: unknown
  chatTemplate?: string | null
}

/** Names that the library itself hands to a template. */
const reservedNames = new Set([
  'messages',
  'tools',
  'documents',
  'tokenize',
  'add_generation_prompt',
  'continue_final_message',
  'chat_template',
  'return_dict',
  'return_tensors',
])

const specialTokenKeys = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map(k => `${k}_token`)

/**
 * A tokenizer with the model's chat template.
 *
 * Control tokens come from the template alone: text in a message that looks like one stays text.
 * @example
 * const { text, ids } = model.tokenizer.applyChatTemplate([{ role: 'user', content: 'Hi' }])
 */
export class ModelTokenizer {
  /** The tokenizer itself, with `tokenBytes`, `controlTokenId` and the rest. */
  readonly tokenizer: Tokenizer
  /** Name → source; most models have one, "default". */
  readonly #sources: ReadonlyMap<string, string>
  readonly #templates = new Map<string, ChatTemplate>()
  /** What each template teaches the model, once it was asked for. */
  readonly #taught = new Map<string, { format: ReplyFormat; thinks: boolean }>()
  readonly #constants: ReadonlyMap<string, Value>

  /**
   * @throws ConclaveError `invalid_file` or `unsupported_model` for a tokenizer that cannot be
   * read. A chat template is parsed when it is first used.
   */
  static fromFiles(files: ModelTokenizerFiles): ModelTokenizer {
    return new ModelTokenizer(Tokenizer.fromFiles(files), files)
  }

  /** What `fromFiles` gives, built a few milliseconds at a time. */
  static async fromFilesInSlices(files: ModelTokenizerFiles): Promise<ModelTokenizer> {
    return new ModelTokenizer(await Tokenizer.fromFilesInSlices(files), files)
  }

  private constructor(tokenizer: Tokenizer, files: ModelTokenizerFiles) {
    const config = (files.tokenizerConfig ?? {}) as Record<string, unknown>
    this.tokenizer = tokenizer
    this.#sources = readSources(files.chatTemplate ?? config.chat_template)
    this.#constants = readConstants(config)
  }

  /** True where the model has a chat template. */
  get hasChatTemplate(): boolean {
    return this.#sources.size > 0
  }

  /**
   * Ids of a text, in [0, vocabSize). Text that looks like a control token stays text unless
   * `controlTokens` is true. A megabyte of prose takes up to 0.35 s, during which the event loop
   * waits: use `encodeInSlices` for a long text.
   * @throws ConclaveError `invalid_request` where `text` is not a string.
   */
  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    return this.tokenizer.encode(text, options)
  }

  /**
   * The ids that `encode` gives, a few milliseconds at a time: the event loop goes on meanwhile.
   * @throws ConclaveError `invalid_request` where `text` is not a string.
   */
  encodeInSlices(text: string, options: EncodeOptions = {}): Promise<Uint32Array> {
    return this.tokenizer.encodeInSlices(text, options)
  }

  /**
   * Text of ids, without special tokens unless `skipSpecialTokens` is false.
   * @throws ConclaveError `invalid_request` for an id outside the vocabulary.
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    return this.tokenizer.decode(ids, options)
  }

  /**
   * A conversation as the model expects it.
   * @throws ConclaveError `invalid_request` for messages or options that are not valid,
   * `template_error` where the template fails or refuses them, `template_limit` where it goes
   * over its bounds.
   */
  applyChatTemplate(messages: ChatMessage[], options: ChatTemplateOptions = {}): RenderedChat {
    const prompt = this.#render(messages, options)
    return { text: prompt.value, ids: this.tokenizer.encodePrompt(prompt.value, prompt.caller) }
  }

  /** The same, tokenised a few milliseconds at a time. */
  async prepareChat(
    messages: ChatMessage[],
    options: ChatTemplateOptions = {},
  ): Promise<RenderedChat> {
    const { value: text, caller } = this.#render(messages, options)
    return { text, ids: await this.tokenizer.encodePromptInSlices(text, caller) }
  }

  #render(messages: ChatMessage[], options: ChatTemplateOptions): Text {
    const { tools, addGenerationPrompt = true, templateOptions = {} } = options
    if (typeof addGenerationPrompt !== 'boolean') {
      throw invalid(
        `Expected addGenerationPrompt true or false, got ${typeof addGenerationPrompt}.`,
      )
    }
    const caller = new CallerValues()
    const variables = new Map<string, Value>([
      ['messages', caller.messages(messages)],
      ['tools', caller.tools(tools)],
      ['documents', null],
      ['add_generation_prompt', addGenerationPrompt],
    ])
    for (const [name, value] of Object.entries(templateOptions)) {
      if (reservedNames.has(name)) {
        throw invalid(`Expected templateOptions without "${name}", which the library sets itself.`)
      }
      if (value !== undefined) variables.set(name, caller.value(value, `templateOptions.${name}`))
    }
    const withTools = Boolean(tools?.length)
    return this.#template(withTools).render(variables, caller.chars)
  }

  /** How answers to a rendered prompt are written: what {@link createReplyParser} wants to know. */
  replyStyle(prompt: string, withTools: boolean): { format: ReplyFormat; thinking: ThinkingStart } {
    const name = this.#templateName(withTools)
    let taught = this.#taught.get(name)
    if (taught === undefined) {
      const source = this.#source(name) ?? ''
      taught = { format: replyFormat(source), thinks: hasThoughts(source) }
      this.#taught.set(name, taught)
    }
    return { format: taught.format, thinking: thinkingStart(taught.thinks, prompt) }
  }

  #templateName(withTools: boolean): string {
    return withTools && this.#sources.has('tool_use') ? 'tool_use' : 'default'
  }

  #source(name: string): string | undefined {
    return this.#sources.get(name) ?? this.#sources.values().next().value
  }

  #template(withTools: boolean): ChatTemplate {
    const name = this.#templateName(withTools)
    const source = this.#source(name)
    if (source === undefined) {
      throw new ConclaveError(
        'template_error',
        'Expected a chat template (chat_template.jinja or chat_template in ' +
          'tokenizer_config.json), but the model has none. Use generate with a prompt of your own.',
      )
    }
    let template = this.#templates.get(name)
    if (template === undefined) {
      template = new ChatTemplate(source, this.#constants)
      this.#templates.set(name, template)
    }
    return template
  }
}

/** A text, or the list of named templates that some models have. */
function readSources(template: unknown): ReadonlyMap<string, string> {
  if (typeof template === 'string') return new Map([['default', template]])
  const sources = new Map<string, string>()
  for (const entry of Array.isArray(template) ? template : []) {
    const named = entry as { name?: unknown; template?: unknown } | null
    if (typeof named?.name === 'string' && typeof named.template === 'string') {
      sources.set(named.name, named.template)
    }
  }
  return sources
}

/** bos_token and its like, as the checkpoint spells them: text of the template's own. */
function readConstants(config: Record<string, unknown>): ReadonlyMap<string, Value> {
  const constants = new Map<string, Value>()
  for (const key of specialTokenKeys) {
    const token = config[key] as string | { content?: unknown } | null | undefined
    const content = typeof token === 'object' ? token?.content : token
    if (typeof content === 'string') constants.set(key, Text.of(content))
  }
  return constants
}
