import { ConclaveError, loadModel } from 'conclave'
import { answer } from './answer.mjs'

console.log(JSON.stringify(await answer({ ConclaveError, loadModel })))
