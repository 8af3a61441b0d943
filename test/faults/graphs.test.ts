import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openModelFolder } from '../../lib/files/model-folder.ts'
import { recordModel } from '../../lib/models/registry.ts'
import { native } from '../../lib/native.ts'
import { addon, needs, root } from '../engine/needs.ts'

const graphs = join(import.meta.dirname, 'graphs')

describe('the graphs that the native programs run', () => {
  needs(addon)

  it.each(readdirSync(graphs))('%s is what the library records', async name => {
    const folder = await openModelFolder(join(root, 'test/golden', name.replace(/\.json$/, '')))
    const store = await native().openWeights(folder.weightFiles)
    const { graph } = recordModel(folder.config, store.tensors(), folder.layout)
    store.close()
    const recorded = JSON.stringify(graph)
    expect(JSON.parse(readFileSync(join(graphs, name), 'utf8'))).toEqual(JSON.parse(recorded))
  })
})
