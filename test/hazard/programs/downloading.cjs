// A worker that downloads a model until it is ended; what it says is what went wrong.
const { parentPort } = require('node:worker_threads')
const { loadModel } = require('../../../dist/index.cjs')

loadModel('tiny/model').catch(error => parentPort.postMessage(error.message))
