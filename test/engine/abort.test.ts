import { describe, expect, it } from 'vitest'
import { expectedTokens, fakeModel } from './fake-model.ts'

const prompt = Array.from({ length: 40 }, (_, i) => (7 * i) % 97)
const short = [3, 1, 4]
const turn = () => new Promise(resolve => setImmediate(resolve))

/** A model whose every step stands still once it has begun, until the next is asked for. */
function stepwise(numPages = 64) {
  let goOn = () => {}
  let begun = () => {}
  let isOpen = false
  const beforeStep = () => {
    begun()
    return isOpen ? undefined : new Promise<void>(resolve => (goOn = resolve))
  }
  const parts = fakeModel({
    numPages,
    maxBatchTokens: 8,
    maxSequences: 2,
    maxContext: 96,
    beforeStep,
  })
  return {
    ...parts,
    /** Ends the step that runs, if one does; resolves when the next one runs. */
    async next(): Promise<void> {
      const next = new Promise<void>(resolve => (begun = resolve))
      goOn()
      await next
    },
    /** Steps end by themselves from here on. */
    open(): void {
      isOpen = true
      goOn()
    },
  }
}

type World = ReturnType<typeof stepwise>
/** Whoever else is there, and how far the steps go before the abort. */
interface State {
  name: string
  numPages?: number
  neighbours?: number
  steps: number
  /** Requests that run and wait then, and whether the one to be aborted holds pages. */
  running: number
  waiting: number
  holdsPages: boolean
  preemptions?: number
}

const states: State[] = [
  { name: 'waits', neighbours: 2, steps: 3, running: 2, waiting: 1, holdsPages: false },
  { name: 'has its first chunk computed', steps: 1, running: 1, waiting: 0, holdsPages: true },
  { name: 'is between two chunks', steps: 3, running: 1, waiting: 0, holdsPages: true },
  { name: 'has its last chunk computed', steps: 5, running: 1, waiting: 0, holdsPages: true },
  { name: 'decodes', steps: 9, running: 1, waiting: 0, holdsPages: true },
  {
    name: 'was preempted',
    numPages: 16,
    neighbours: 1,
    steps: 24,
    running: 1,
    waiting: 1,
    holdsPages: false,
    preemptions: 1,
  },
]

/** Starts all, the one to be aborted last, and runs so many steps. */
async function arrange(world: World, { neighbours = 0, steps }: State) {
  const controller = new AbortController()
  const others = Array.from({ length: neighbours }, () => {
    const answer = world.model.generate(short, { maxTokens: 50 })
    return answer.result()
  })
  await turn()
  const victim = world.model.generate(prompt, { maxTokens: 20, signal: controller.signal })
  const result = victim.result()
  for (let i = 0; i < steps; i++) await world.next()
  return { controller, others, victim, result }
}

describe('an abort', () => {
  it.each(states)('gives its pages back at once while the request $name', async state => {
    const world = stepwise(state.numPages)
    const { engine } = world
    const { controller, others, result } = await arrange(world, state)
    const before = engine.stats()
    const { running, waiting, preemptions = 0 } = state
    expect(before).toMatchObject({ running, waiting, preemptions })
    controller.abort()
    // A step stands still: nothing below needs it to end.
    const after = engine.stats()
    if (state.holdsPages) expect(after.pages.used).toBe(0)
    else expect(after.pages.used).toBe(before.pages.used)
    expect(after.running + after.waiting).toBe(running + waiting - 1)
    const { finishReason, tokenIds } = await result
    expect(finishReason).toBe('aborted')
    expect(tokenIds).toEqual(expectedTokens(prompt, tokenIds.length))
    expect(engine.stats().steps).toBe(before.steps)
    controller.abort()
    world.open()
    for (const other of await Promise.all(others))
      expect(other.tokenIds).toEqual(expectedTokens(short, 50))
    await turn()
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(world.executor.samplers.size).toBe(0)
    await world.model.dispose()
  })

  it('does not wait for a reader who is slow', async () => {
    const world = stepwise()
    world.open()
    const controller = new AbortController()
    const answer = world.model.generate(prompt, { maxTokens: 40, signal: controller.signal })
    const chunks = answer[Symbol.asyncIterator]()
    await chunks.next()
    while (world.engine.stats().generatedTokens < 10) await turn()
    controller.abort()
    expect(world.engine.stats()).toMatchObject({ running: 0, pages: { used: 0 } })
    const { finishReason, tokenIds } = await answer.result()
    expect(finishReason).toBe('aborted')
    const read = []
    for (let next = await chunks.next(); !next.done; next = await chunks.next())
      read.push(...next.value.tokenIds)
    // What was computed until then is still there to be read.
    expect(read).toEqual(tokenIds.slice(1))
    await world.model.dispose()
  })

  it('changes nothing after the end', async () => {
    const world = stepwise()
    world.open()
    const controller = new AbortController()
    const ask = { maxTokens: 3, signal: controller.signal }
    const { finishReason } = await world.model.generate(prompt, ask).result()
    controller.abort()
    expect(finishReason).toBe('length')
    expect(world.engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    await world.model.dispose()
  })
})
