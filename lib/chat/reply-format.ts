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

/** Where an answer to `prompt`, rendered by `template`, begins. */
export function thinkingStart(template: string, prompt: string): ThinkingStart {
  if (!template.includes('<think>') && !template.includes('</think>')) return 'off'
  const end = prompt.trimEnd()
  if (end.endsWith('<think>')) return 'open'
  return end.endsWith('</think>') ? 'off' : 'auto'
}
