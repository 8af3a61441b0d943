// No text keeps others waiting: what our code does between two turns of the event loop is bounded,
// however long and hostile the text is. Work is counted in the blocks of code that V8 saw run.
import { mkdtempSync, rmSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  type CaseStore,
  createCompliance,
  defaultRuleBook,
  type Lists,
  openCaseStore,
} from '../../lib/compliance/index.ts'
import { hostilePieces } from './hostile-texts.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-turns-'))
const session = new Session()
let store: CaseStore
beforeAll(async () => {
  store = await openCaseStore({ sqlite: join(folder, 'cases.db') })
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
})
afterEach(() => void vi.restoreAllMocks())
afterAll(async () => {
  session.disconnect()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Blocks of `lib/` that ran since the last call, and how often the database was asked. */
function work(): { blocks: number; statements: number } {
  let scripts: Profiler.ScriptCoverage[] = []
  session.post('Profiler.takePreciseCoverage', (_, taken) => {
    scripts = taken.result
  })
  const ours = scripts.filter(({ url }) => /\/lib\/(?:compliance|guard|slices)/.test(url))
  const functions = ours.flatMap(one => one.functions)
  const counts = functions.flatMap(one => one.ranges.map(range => range.count))
  const asked = functions.filter(one => one.functionName === 'executeQuery')
  return {
    blocks: counts.reduce((sum, count) => sum + count, 0),
    statements: asked.reduce((sum, { ranges }) => sum + ranges[0]!.count, 0),
  }
}

/** The most that was done in one turn, where each place that lets others have theirs does so. */
async function mostOfATurn(text: string, lists: Lists) {
  const key = 'a key of sufficient length'
  const compliance = createCompliance({ store, key, lists })
  const turns: ReturnType<typeof work>[] = []
  const plain = globalThis.setImmediate
  vi.spyOn(globalThis, 'setImmediate').mockImplementation(((...all: [() => void]) => {
    turns.push(work())
    return plain(...all)
  }) as typeof setImmediate)
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 1000
    return now
  })
  work()
  const about = { requestId: 'r', subject: text.slice(0, 9), direction: 'input' as const }
  await compliance.observe({ ...about, text, to: ['trading'], group: 'advisory' })
  turns.push(work())
  expect(turns.length).toBeGreaterThan(text.length / 4096)
  return {
    blocks: Math.max(...turns.map(one => one.blocks)),
    statements: Math.max(...turns.map(one => one.statements)),
  }
}

/** A millisecond or two. */
const mostBlocks = 100_000
const { exampleLists, rules } = defaultRuleBook()
/** Those of one case and of its hits, which are as many as rules at most. */
const mostStatements = 4 * rules.length
const said = ' Buy Northwind before the announcement and keep it quiet.'

// Any loop over all of these without a turn goes over the bound.
test.each(hostilePieces)(
  '%j',
  async piece => {
    const text = piece.repeat(Math.ceil((1 << 16) / piece.length)) + said
    const { blocks, statements } = await mostOfATurn(text, exampleLists)
    expect(blocks).toBeLessThan(mostBlocks)
    expect(statements).toBeLessThanOrEqual(mostStatements)
  },
  120_000,
)

test('many names that are all alike', async () => {
  const names = ['Petrov', 'Petroff', 'Petrow']
  const sanctions = Array.from({ length: 300 }, (_, i) => ({
    ...{ id: `x-${i}`, names: [names[i % 3]!], list: 'l' },
  }))
  const { blocks } = await mostOfATurn('Petrov '.repeat(400) + said, { sanctions })
  expect(blocks).toBeLessThan(mostBlocks)
})
