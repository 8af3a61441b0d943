/**
 * SIGTERM and Ctrl-C of a server: the first asks it to finish, the second to end at once.
 * @module
 */

export interface StopSignals {
  /** Its reason is the name of the signal. */
  first: AbortSignal
  second: AbortSignal
}

export function stopSignals(): StopSignals {
  const first = new AbortController()
  const second = new AbortController()
  const onSignal = (name: NodeJS.Signals) => {
    if (first.signal.aborted) second.abort(name)
    else first.abort(name)
  }
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, onSignal)
  return { first: first.signal, second: second.signal }
}

/** Resolves once the signal has fired, now where it has already. */
export function fired(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
