// Both engines answer the same four questions, each in a process of its own: load, greedy,
// prefill, decode.
import { fork } from 'node:child_process'

/** Child side: `handlers` are async functions of one message each. */
export function serve(handlers) {
  process.on('message', async ({ task, ...ask }) => {
    try {
      process.send({ answer: await handlers[task](ask) })
    } catch (error) {
      process.send({ error: String(error?.stack ?? error) })
    }
  })
}

/** Parent side: one child, one question at a time. */
export class Worker {
  #child
  #pending
  #failed

  constructor(name, file) {
    this.name = name
    this.#child = fork(file, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', ({ answer, error }) => {
      if (error) this.#pending.reject(new Error(`${name}: ${error}`))
      else this.#pending.resolve(answer)
    })
    this.#child.on('exit', code => {
      this.#failed = new Error(`${name} ended with ${code}`)
      this.#pending?.reject(this.#failed)
    })
  }

  get pid() {
    return this.#child.pid
  }

  ask(task, message = {}) {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
      if (this.#failed) reject(this.#failed)
      else this.#child.send({ task, ...message })
    })
  }

  end() {
    this.#pending = undefined
    this.#child.kill()
  }
}
