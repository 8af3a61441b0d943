/**
 * Ctrl-C: the first asks the work to stop, the second ends the program at once.
 * @module
 */

export const interruptedExitCode = 130

/**
 * Signal that the first Ctrl-C aborts. Only the command line installs signal handlers, the library
 * never does.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(interruptedExitCode)
    controller.abort()
  })
  return controller.signal
}
