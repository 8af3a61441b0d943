import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Model } from '../../lib/engine/model.ts'
import { ConclaveError, loadModel } from '../../lib/index.ts'
import { addon, firstMissing, needs, root } from '../engine/needs.ts'
import type { Case } from './case.ts'
import { elsewhere } from './elsewhere.ts'
import { folderCases, textModel } from './folders.ts'
import { requestCases } from './requests.ts'
import { safetensorsCases } from './safetensors.ts'
import { sizeCases } from './sizes.ts'
import { textCases } from './texts.ts'
import { vocabularyCases } from './vocabularies.ts'

const cases: Case[] = [
  ...safetensorsCases,
  ...folderCases,
  ...textCases,
  ...requestCases,
  ...sizeCases,
  ...vocabularyCases,
]
const onLinux = process.platform === 'linux'
const mebibyte = 2 ** 20
const maxBlockedMs = 250

/** How a case ended, in the words of the table. */
async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'ok'
  } catch (error) {
    if (error instanceof ConclaveError && error.message.length < 2000) return error.code
    return `not ours: ${error}`.slice(0, 200)
  }
}

/** Watches the event loop: the longest time of the processor between two of its turns, in ms. */
function watchLoop(): () => number {
  let last = process.cpuUsage()
  let longest = 0
  const note = () => {
    const { user, system } = process.cpuUsage(last)
    longest = Math.max(longest, (user + system) / 1000)
    last = process.cpuUsage()
  }
  const timer = setInterval(note, 1)
  return () => {
    note()
    clearInterval(timer)
    return longest
  }
}

const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

describe(`the catalogue of bad inputs: ${cases.length} cases`, () => {
  needs(addon)
  let model: Model
  let golden: string
  const ask = async () =>
    (
      await model.generate([1, 2, 3, 4], { maxTokens: 6, temperature: 0, ignoreEos: true }).result()
    ).tokenIds.join()
  const pages = () => Model.partsOf(model).engine.stats().pages.used
  let rss = 0

  beforeAll(async () => {
    if (firstMissing([addon]) !== undefined) return
    model = await loadModel(textModel(), { prefixCache: false })
    golden = await ask()
    // A conversation that is fine is answered: what is refused below is refused for itself.
    await model.chat([{ role: 'user', content: 'Hi' }], { maxTokens: 2 }).result()
    for (const { row } of cases) counts.set(row, (counts.get(row) ?? 0) + 1)
  })
  afterAll(() => model?.dispose())
  const counts = new Map<string, number>()

  it.for(cases.map(one => [one.row, one.input, one] as const))('%s %s', async ([, , one], test) => {
    const before = onLinux ? held() : null
    let blockedMs = Number.POSITIVE_INFINITY
    // Once may be the compiler's or the collector's: what blocks does so each time.
    for (let i = 0; i < 3 && blockedMs > maxBlockedMs; i++) {
      const longest = watchLoop()
      const outcome = await outcomeOf(() => one.run(model))
      blockedMs = Math.min(blockedMs, longest())
      expect([one.outcome].flat()).toContain(outcome)
    }
    expect(await ask(), 'the golden request').toBe(golden)
    expect(pages(), 'pages in use').toBe(0)
    // A thread that was joined, or a descriptor that libuv closes, may take a moment to leave.
    for (let i = 0; i < 100 && before !== null && leaks(before); i++) await delay(10)
    expect(before === null ? null : held()).toEqual(before)
    expect(blockedMs, 'the event loop').toBeLessThan(maxBlockedMs)
    if (test.task.name.startsWith('ST-2')) rss ||= process.memoryUsage.rss()
  })

  const leaks = (before: ReturnType<typeof held>) => {
    const now = held()
    return now.descriptors !== before.descriptors || now.threads !== before.threads
  }

  it('memory is back, no prototype has changed, and the cases are 300 or more', () => {
    collectGarbage()
    const grown = (process.memoryUsage.rss() - rss) / mebibyte
    console.log(
      `${cases.length} cases and ${elsewhere.length} elsewhere: ` +
        [...counts].map(([row, count]) => `${row} ${count}`).join(', ') +
        `; ${Math.round(grown)} MiB more`,
    )
    expect(grown).toBeLessThan(512)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { maxTokens?: number }).maxTokens).toBeUndefined()
    expect(cases.length).toBeGreaterThanOrEqual(300)
  })

  it.each(elsewhere)('%s is tried in %s: %s', (_, file, title) => {
    expect(readFileSync(join(root, 'test', file), 'utf8')).toContain(title)
  })
})
