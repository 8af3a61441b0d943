// node outside.mjs FOLDER: loads it, and says how that ended.
import { loadModel } from '../../../dist/index.mjs'

try {
  await (await loadModel(process.argv[2])).dispose()
  console.log('loaded')
} catch (error) {
  console.log(error.code)
}
