import { ConclaveError, loadModel } from 'conclave'
import { createGuard } from 'conclave/guard'
import { answer } from './answer.mjs'

console.log(JSON.stringify(await answer({ ConclaveError, loadModel }, { createGuard })))
