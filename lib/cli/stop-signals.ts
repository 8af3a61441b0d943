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
