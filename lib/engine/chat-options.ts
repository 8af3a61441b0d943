/**
 * What `chat` takes beyond `generate`.
 * @module
 */
import type { ToolDefinition } from '../chat/messages.ts'
import type { ChatTemplateOptions } from '../chat/model-tokenizer.ts'
import { ConclaveError } from '../errors.ts'
import { checkNames, invalid } from '../sampling/check.ts'
import type { GenerateOptions } from '../sampling/options.ts'

export interface ChatOptions extends GenerateOptions {
  /** Functions that the model may call, shown to it by the template. */
  tools?: ToolDefinition[]
  /** 'auto' (default): the model decides; 'none': tools are not shown. */
  toolChoice?: 'auto' | 'none'
  /** Variables of the template, such as `{ enable_thinking: false }`. */
  templateOptions?: Record<string, unknown>
}

const templateNames = ['tools', 'toolChoice', 'templateOptions'] as const

/**
 * The part for the template and the rest, which may have `names`. Throws `invalid_request`.
 */
export function splitChatOptions<T extends ChatOptions>(
  options: T,
  names: readonly string[],
): { template: ChatTemplateOptions; generate: Omit<T, (typeof templateNames)[number]> } {
  checkNames(options, [...names, ...templateNames])
  const { tools, toolChoice = 'auto', templateOptions, ...generate } = options
  const choice: unknown = toolChoice
  if (choice !== 'auto' && choice !== 'none')
    throw new ConclaveError(
      'invalid_request',
      "Expected toolChoice to be 'auto' or 'none': making the model call a tool is not " +
        'implemented.',
      { option: 'toolChoice' },
    )
  const isObject = typeof templateOptions === 'object' && templateOptions !== null
  if (templateOptions !== undefined && (!isObject || Array.isArray(templateOptions)))
    throw invalid('templateOptions', 'an object', templateOptions)
  const template: ChatTemplateOptions = {}
  if (tools !== undefined && choice === 'auto') template.tools = tools
  if (templateOptions !== undefined) template.templateOptions = templateOptions
  return { template, generate }
}
