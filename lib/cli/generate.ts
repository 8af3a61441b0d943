/**
 * conclave generate: continues a prompt.
 * @module
 */
import { answerJson, streamAnswer, summary } from './answer.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { interruptedExitCode, interruptSignal } from './interrupt.ts'
import { generateOptions, loadFromFlags, modelFlags, samplingFlags } from './model-flags.ts'

export const generate: Command = {
  name: 'generate',
  summary: 'Continues a prompt with no chat template around it.',
  flags: {
    prompt: { kind: 'string', value: 'TEXT', help: 'text to continue' },
    'prompt-ids': { kind: 'string', value: '1,2,3', help: 'token ids instead of text' },
    ...modelFlags,
    ...samplingFlags,
    ...outputFlags,
  },
  async run(values) {
    const prompt = promptOf(values)
    const signal = interruptSignal()
    const { model, loadMs } = await loadFromFlags(values, signal)
    try {
      const json = values.json === true
      const answer = model.generate(prompt, { ...generateOptions(values), signal })
      const result = await streamAnswer(answer, { quiet: json, asIds: model.tokenizer === null })
      if (json) console.log(JSON.stringify(answerJson(result, loadMs)))
      else console.error(summary(result))
      if (signal.aborted) process.exitCode = interruptedExitCode
    } finally {
      await model.dispose()
    }
  },
}

function promptOf({ prompt, promptIds }: Values): string | number[] {
  if ((prompt === undefined) === (promptIds === undefined))
    throw new UsageError('Give either --prompt TEXT or --prompt-ids 1,2,3.')
  if (prompt !== undefined) return prompt as string
  const parts = (promptIds as string).split(',').map(part => part.trim())
  if (!parts.every(part => /^\d+$/.test(part)))
    throw new UsageError('--prompt-ids takes whole numbers with commas between, such as 1,2,3.')
  return parts.map(Number)
}
