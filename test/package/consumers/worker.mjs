import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import * as conclave from 'conclave'
import * as guard from 'conclave/guard'
import { answer } from './answer.mjs'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.on('message', message => console.log(JSON.stringify(message)))
} else {
  parentPort.postMessage(await answer(conclave, guard))
}
