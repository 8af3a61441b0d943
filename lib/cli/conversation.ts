/**
 * Many turns on a terminal, or one message a line from a pipe. Ctrl-C stops the reply, not the
 * program.
 * @module
 */
import { createInterface, type Interface } from 'node:readline'
import type { ChatMessage } from '../chat/messages.ts'
import type { Model } from '../engine/model.ts'
import { ConclaveError } from '../errors.ts'
import type { GenerateOptions } from '../sampling/options.ts'
import { streamAnswer } from './answer.ts'

/** Ends at Ctrl-D, at a second Ctrl-C with no reply in between, or at the end of the pipe. */
export async function converse(model: Model, first: ChatMessage[], options: GenerateOptions) {
  const terminal = process.stdin.isTTY === true
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal })
  lines.setPrompt(terminal ? '> ' : '')
  const interrupts = new Interrupts(lines)
  let messages = [...first]
  lines.prompt()
  for await (const line of lines) {
    const content = line.trim()
    if (content === '/exit') break
    if (content === '/clear') messages = [...first]
    else if (content !== '') {
      const asked: ChatMessage[] = [...messages, { role: 'user', content }]
      const signal = interrupts.begin()
      const text = await reply(model, asked, { ...options, signal })
      interrupts.end()
      if (text !== undefined) messages = [...asked, { role: 'assistant', content: text }]
    }
    lines.prompt()
  }
  lines.close()
}

/**
 * The text of the answer, also of one that was stopped; undefined where the message was refused.
 */
async function reply(model: Model, messages: ChatMessage[], options: GenerateOptions) {
  try {
    const answer = model.chat(messages, options)
    return (await streamAnswer(answer, { quiet: false, asIds: false })).text
  } catch (error) {
    if (!(error instanceof ConclaveError)) throw error
    process.stderr.write(`error[${error.code}]: ${error.message}\n`)
    return undefined
  }
}

/** Ctrl-C as a terminal or a signal gives it. */
class Interrupts {
  readonly #lines: Interface
  #reply: AbortController | undefined
  #warned = false

  constructor(lines: Interface) {
    this.#lines = lines
    lines.on('SIGINT', () => this.#interrupt())
    process.on('SIGINT', () => this.#interrupt())
  }

  begin(): AbortSignal {
    this.#reply = new AbortController()
    this.#warned = false
    return this.#reply.signal
  }

  end(): void {
    this.#reply = undefined
  }

  #interrupt(): void {
    if (this.#reply !== undefined && !this.#reply.signal.aborted) this.#reply.abort()
    else if (this.#warned || this.#reply !== undefined) this.#lines.close()
    else {
      this.#warned = true
      process.stderr.write('\nCtrl-C again or Ctrl-D ends.\n')
      this.#lines.prompt()
    }
  }
}
