// A worker that downloads a model until it is ended. It says "opened" and waits where it was told to
// stop once a file was opened; anything else is what went wrong.
const fs = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')

const lock = new Int32Array(new SharedArrayBuffer(4))
const pause = ms => Atomics.wait(lock, 0, 0, ms)
const opened = path =>
  fs.readdirSync('/proc/self/fd').some(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === fs.realpathSync(path)
    } catch {
      return false
    }
  })

/** The same, but that this thread stops when the system has opened the file and nobody here knows. */
const stopping =
  open =>
  (path, ...rest) => {
    const result = open(path, ...rest)
    if (!String(path).endsWith('.incomplete')) return result
    while (!opened(path)) pause(1)
    parentPort.postMessage('opened')
    pause(Number.POSITIVE_INFINITY)
  }
if (workerData.stopsAtOpen) {
  fs.open = stopping(fs.open)
  fs.promises.open = stopping(fs.promises.open)
}

const { loadModel } = require('../../../dist/index.cjs')
loadModel('tiny/model').catch(error => parentPort.postMessage(error.message))
