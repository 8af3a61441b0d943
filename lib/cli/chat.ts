/**
 * conclave chat: one reply, or a conversation.
 * @module
 */
import type { ChatMessage } from '../chat/messages.ts'
import type { Model } from '../engine/model.ts'
import type { GenerateOptions } from '../sampling/options.ts'
import { answerJson, streamAnswer, summary } from './answer.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { converse } from './conversation.ts'
import { interruptedExitCode, interruptSignal } from './interrupt.ts'
import { generateOptions, loadFromFlags, modelFlags, samplingFlags } from './model-flags.ts'

export const chat: Command = {
  name: 'chat',
  summary: 'Answers a message, or holds a conversation where none is given.',
  flags: {
    message: { kind: 'string', value: 'TEXT', help: 'answer this and end' },
    system: { kind: 'string', value: 'TEXT', help: 'what the model is told first' },
    ...modelFlags,
    ...samplingFlags,
    ...outputFlags,
  },
  async run(values) {
    if (values.json === true && values.message === undefined)
      throw new UsageError('--json needs --message TEXT.')
    const first: ChatMessage[] =
      values.system === undefined ? [] : [{ role: 'system', content: String(values.system) }]
    const options = generateOptions(values)
    if (values.message === undefined) return interactive(values, first, options)
    const signal = interruptSignal()
    const { model, loadMs } = await loadFromFlags(values, signal)
    try {
      const messages = [...first, { role: 'user' as const, content: String(values.message) }]
      const json = values.json === true
      const answer = model.chat(messages, { ...options, signal })
      const result = await streamAnswer(answer, { quiet: json, asIds: false })
      if (json) console.log(JSON.stringify(answerJson(result, loadMs)))
      else console.error(summary(result))
      if (signal.aborted) process.exitCode = interruptedExitCode
    } finally {
      await model.dispose()
    }
  },
}

async function interactive(values: Values, first: ChatMessage[], options: GenerateOptions) {
  // Ctrl-C while loading ends the program as it does any other.
  const { model } = await loadFromFlags(values, new AbortController().signal)
  try {
    greet(model)
    await converse(model, first, options)
  } finally {
    await model.dispose()
  }
}

function greet({ info }: Model): void {
  if (!process.stdin.isTTY) return
  process.stderr.write(
    `${info.architecture}, ${info.weights} on ${info.device} ` +
      `(${info.kernels}, ${info.threads} threads). ` +
      'Ctrl-C stops a reply, twice ends; /clear starts over.\n',
  )
}
