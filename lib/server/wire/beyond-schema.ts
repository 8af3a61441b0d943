/**
 * What the types of the bodies cannot say by themselves, for those who read the OpenAPI document.
 * @module
 */

/** Conditions between fields, which the routes check, as keywords of JSON Schema. */
export function conditions(...rules: [given: object, needed: object][]): { allOf: object[] } {
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { allOf: rules.map(([given, needed]) => ({ if: given, then: needed })) }
}

export const hasTools = {
  required: ['tools'],
  properties: { tools: { type: 'array', minItems: 1 } },
}

/** `tool_choice` asks for a call. */
export const wantsCall = {
  required: ['tool_choice'],
  properties: { tool_choice: { anyOf: [{ const: 'required' }, { type: 'object' }] } },
}

/**
 * Why a body that holds to its schema may get a 400 all the same: no keyword of JSON Schema can
 * say it, or it depends on the model. Each operation lists its own.
 */
export const beyond = {
  context: 'more tokens than the context holds',
  callId: 'a result of no earlier call',
  toolNames: 'two tools of one name',
  toolChoice: 'a tool_choice that names none of the tools',
  oneForm: 'two forms of one reply',
  form: 'a schema, pattern or grammar that cannot be honoured',
  tokenIds: 'a token id in logit_bias that the model does not have',
  minTokens: 'min_tokens above max_tokens',
  guard: 'mode block on a server without a guard',
  template: 'messages or options that the chat template of the model refuses',
  answers: 'more than 256 answers, n for each prompt',
  noMessage: 'an input of reasoning alone',
  noToken: 'a text without a token',
  dimensions: 'more dimensions than the model has',
} as const

/** What every route refuses that answers a conversation. */
export const refusesConversation: readonly string[] = [
  beyond.context,
  beyond.callId,
  beyond.toolNames,
  beyond.toolChoice,
  beyond.oneForm,
  beyond.form,
  beyond.template,
]
