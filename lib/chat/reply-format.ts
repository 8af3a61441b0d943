/**
 * How a model writes its answers, read from its chat template and the prompt made with it.
 * @module
 */

/**
 * 'hermes': `<tool_call>{"name": …, "arguments": …}</tool_call>`; 'qwen3_coder':
 * `<tool_call><function=…><parameter=…>…`; 'plain': no calls.
 */
export type ReplyFormat = 'hermes' | 'qwen3_coder' | 'plain'

/**
 * 'open': the prompt ends inside a thought; 'auto': the answer may begin with `<think>`; 'off':
 * the model does not think, or was told not to.
 */
export type ThinkingStart = 'open' | 'auto' | 'off'

/** Which format a template teaches the model. */
export function replyFormat(template: string): ReplyFormat {
  if (!template.includes('<tool_call>')) return 'plain'
  return template.includes('<function=') ? 'qwen3_coder' : 'hermes'
}

/** Whether a template knows of thoughts. */
export function hasThoughts(template: string): boolean {
  return template.includes('<think>') || template.includes('</think>')
}

/** Where an answer to `prompt` begins, rendered by a template with or without thoughts. */
export function thinkingStart(thinks: boolean, prompt: string): ThinkingStart {
  if (!thinks) return 'off'
  const end = prompt.trimEnd()
  if (end.endsWith('<think>')) return 'open'
  return end.endsWith('</think>') ? 'off' : 'auto'
}
