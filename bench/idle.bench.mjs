// What a loaded model costs while nobody asks it anything: processor time of the whole process.
import { folderOf } from './models.mjs'

const seconds = 10

export async function run({ models, loadModel }) {
  const rows = []
  for (const name of models) {
    const options = name === 'default' ? {} : { maxContext: 1024, kvPages: 32 }
    const model = await loadModel(name === 'default' ? undefined : folderOf(name), options)
    try {
      await model.generate([1, 2, 3], { temperature: 0, maxTokens: 4 }).result()
      await sleep(500)
      const before = process.cpuUsage()
      await sleep(seconds * 1000)
      const { user, system } = process.cpuUsage(before)
      rows.push({
        what: `processor time while idle for ${seconds} s`,
        model: name,
        value: (user + system) / 1000,
        unit: 'ms',
        note: 'all threads of the process, behind one answer of 4 tokens',
      })
    } finally {
      await model.dispose()
    }
  }
  return rows
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
